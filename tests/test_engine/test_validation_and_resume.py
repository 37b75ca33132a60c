"""Validation leaves no trace in training, and is neither missed nor lost by a kill."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import build_runner, student_of
from torch import nn

from ssdkd.engine import DistillLoop, SafeCheckpointHook, StrictRunner
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.registry import HOOKS, MODELS
from ssdkd.runs import read_rounds
from ssdkd.visualization import read_curves


class Dropping(nn.Module):
    """A student that draws from the global states of torch, numpy and Python's kind."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Flatten()
        )
        self.head = nn.LazyLinear(10)
        self.head(self.net(torch.zeros(2, 3, 16, 16)))

    def forward(self, x):
        if self.training:
            x = x + 0.1 * np.random.rand()
        return self.head(self.net(x))


@pytest.fixture
def cfg(tiny, monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, 'Dropping', Dropping)
    return tiny(
        {
            'model.student.model': dict(_delete_=True, type='Dropping'),
            'train_cfg.max_rounds': 6,
            'default_hooks.checkpoint.max_keep_ckpts': -1,
            'val_dataloader.batch_size': 64,
        }
    )


def go_on(cfg, checkpoint: Path, *others: Path):
    """Resume in a folder of its own, which has these files alone."""
    folder = checkpoint.parents[1] / f'from_{checkpoint.stem}'
    folder.mkdir()
    for path in (checkpoint, *others):
        shutil.copy(path, folder)
    cfg = cfg.copy()
    cfg.work_dir, cfg.resume = str(folder), True
    cfg.load_from = str(folder / checkpoint.name)
    cfg.experiment_name = f'{checkpoint.parents[1].name}_{checkpoint.stem}'
    StrictRunner.from_cfg(cfg).train()
    return cfg


@pytest.mark.parametrize('n', [2, 3, 4])
def test_a_student_that_draws_from_the_global_states(cfg, n):
    """Saved again during a validation, as round 2 is, or not, as round 3."""
    build_runner(cfg).train()
    run = Path(cfg.work_dir)
    scores = list(read_curves(run).metrics['accuracy'])
    assert (
        scores == [2, 4, 6]
        and 'best_score' in read_checkpoint(run / 'round_2.pth')['message_hub']['runtime_info']
    )
    resumed = go_on(cfg, run / f'round_{n}.pth')
    straight = student_of(cfg)
    different = [k for k, v in student_of(resumed).items() if not torch.equal(v, straight[k])]
    assert not different


def test_no_validation_in_warm_up(cfg):
    cfg.train_cfg.update(warmup_rounds=3, val_interval=2)
    build_runner(cfg).train()
    assert list(read_curves(Path(cfg.work_dir)).metrics['accuracy']) == [4, 6]


def test_a_validation_missed_by_a_kill_is_made_up(cfg, monkeypatch):
    build_runner(cfg).train()
    straight = student_of(cfg)
    run = Path(cfg.work_dir)
    monkeypatch.setattr(DistillLoop, 'validate', lambda self: 1 / 0)  # the kill
    cfg.work_dir += '_killed'
    with pytest.raises(ZeroDivisionError):
        build_runner(cfg).train()
    monkeypatch.undo()
    monkeypatch.setitem(MODELS.module_dict, 'Dropping', Dropping)
    resumed = go_on(cfg, Path(cfg.work_dir) / 'round_2.pth')
    curve = read_curves(Path(resumed.work_dir)).metrics['accuracy']
    assert curve == read_curves(run).metrics['accuracy']
    assert all(torch.equal(v, straight[k]) for k, v in student_of(resumed).items())


def test_a_validation_is_not_made_twice(cfg, monkeypatch):
    build_runner(cfg).train()
    rounds = []
    validate = DistillLoop.validate
    monkeypatch.setattr(
        DistillLoop, 'validate', lambda self: (rounds.append(self.epoch), validate(self))
    )
    run = Path(cfg.work_dir)
    resumed = go_on(cfg, run / 'round_2.pth', run / 'rounds.jsonl')
    assert rounds == [4, 6]
    assert [r['round'] for r in read_rounds(resumed.work_dir)] == [1, 2, 3, 4, 5, 6]
    terms = [[r['terms'] for r in read_rounds(folder)] for folder in (run, resumed.work_dir)]
    assert terms[0] == terms[1]


def test_there_is_always_a_best_checkpoint(cfg, monkeypatch):
    """The previous best goes when the next one is there, however late that is."""
    seen = []

    class Watch(HOOKS.get('SummaryHook')):
        def before_save_checkpoint(self, runner, checkpoint):
            seen.append(len(list(Path(runner.work_dir).glob('best_*.pth'))))

    monkeypatch.setitem(HOOKS.module_dict, 'Watch', Watch)
    cfg.custom_hooks.append(dict(type='Watch'))
    better = iter(range(100))
    save = SafeCheckpointHook._save_best_checkpoint
    monkeypatch.setattr(
        SafeCheckpointHook,
        '_save_best_checkpoint',
        lambda self, runner, metrics: save(self, runner, dict(accuracy=next(better))),
    )
    build_runner(cfg).train()
    first = seen.index(1)
    assert 0 not in seen[first:] and seen[first:].count(2) == 2  # at rounds 4 and 6
    assert [p.name for p in Path(cfg.work_dir).glob('best_*.pth')] == [
        'best_accuracy_round_6.pth'
    ]
