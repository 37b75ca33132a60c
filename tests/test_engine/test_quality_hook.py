"""The estimate of a student's quality, which needs no data."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, build_runner
from sklearn.metrics import cohen_kappa_score

from ssdkd.generators import random_shapes
from ssdkd.visualization import read_curves


def test_the_pictures_are_the_same_in_every_run_and_differ_from_each_other():
    pictures = random_shapes(40, (32, 32), seed=1)
    assert pictures.shape == (40, 3, 32, 32) and pictures.dtype == torch.uint8
    assert torch.equal(pictures, random_shapes(40, (32, 32), seed=1))
    assert not torch.equal(pictures, random_shapes(40, (32, 32), seed=2))
    assert len({picture.numpy().tobytes() for picture in pictures}) == 40


@pytest.fixture
def cfg(tiny):
    cfg = tiny(NO_VAL | {'train_cfg.max_rounds': 5})
    cfg.custom_hooks = [h for h in cfg.custom_hooks if h.type != 'QualityHook']
    cfg.custom_hooks.insert(0, dict(type='QualityHook', interval=2, images=60))
    return cfg


def test_a_run_without_a_val_set_keeps_the_checkpoint_of_the_highest_estimate(cfg):
    runner = build_runner(cfg)
    student = runner.train()
    folder = Path(cfg.work_dir)
    estimates = read_curves(folder).scalars['estimate/kappa']
    assert list(estimates) == [
        4,
        5,
    ]  # from the third round that trains the student on, and after the last

    # The last one again, by another library.
    pictures = random_shapes(60, (16, 16), seed=20_240_607) / 255
    student.eval()
    with torch.no_grad():
        labels = [student.answer(role, pictures).argmax(1) for role in ('teacher', 'student')]
    kappa = cohen_kappa_score(*labels)
    assert estimates[5] == pytest.approx(kappa, abs=1e-6)
    summary = json.loads((folder / 'summary.json').read_text())
    assert summary['estimate_kappa'] == pytest.approx(kappa, abs=1e-3)

    best = max(estimates, key=estimates.get)
    assert [p.name for p in folder.glob('best_*')] == [f'best_estimate_round_{best}.pth']


def test_with_a_val_set_the_best_checkpoint_stays_that_of_the_val_set(tiny):
    runner = build_runner(tiny())
    runner.train()
    assert [p.name[:14] for p in Path(runner.work_dir).glob('best_*')] == ['best_accuracy_']


def test_the_estimate_leaves_no_trace_in_training(cfg, tiny):
    with_estimate = build_runner(cfg).train().student.state_dict()
    cfg.custom_hooks = cfg.custom_hooks[1:]
    cfg.work_dir += '_without'
    without = build_runner(cfg).train().student.state_dict()
    assert all(torch.equal(value, without[name]) for name, value in with_estimate.items())


def test_a_resumed_run_gives_the_same_estimates(cfg):
    cfg.default_hooks.checkpoint.max_keep_ckpts = -1
    build_runner(cfg).train()
    resumed = cfg.copy()
    resumed.work_dir, resumed.resume = cfg.work_dir + '_resumed', True
    Path(resumed.work_dir).mkdir()
    shutil.copy(Path(cfg.work_dir, 'round_3.pth'), resumed.work_dir)
    build_runner(resumed).train()
    whole, rest = (
        read_curves(folder).scalars['estimate/kappa']
        for folder in (cfg.work_dir, resumed.work_dir)
    )
    assert rest == {number: whole[number] for number in (4, 5)}


@pytest.mark.parametrize('warned', [True, False])
def test_a_student_at_chance_is_warned_of_once(cfg, monkeypatch, warned):
    monkeypatch.setattr('ssdkd.engine.hooks.quality.CHANCE', 1.0 if warned else -1.0)
    runner = build_runner(cfg)
    runner.train()
    log = next(Path(cfg.work_dir).glob('*/*.log')).read_text()
    assert log.count('hardly more often than chance') == warned
