"""The methods in projects/ train, and a run that was stopped gives the same bytes."""

from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, ROOT, build_runner, save_teacher
from mmengine.config import Config

from ssdkd.benchmark.spec import read_spec
from ssdkd.config.read import read_config
from ssdkd.plugins import import_modules

NAYER = str(ROOT / 'projects/nayer/nayer.py')
CPNET = str(ROOT / 'projects/cpnet/cpnet.py')
CONFIGS = [
    ('digits_resnet20_resnet8', NAYER),
    pytest.param('cifar10jpeg_resnet56_resnet20', NAYER, marks=pytest.mark.slow),
    ('digits_resnet20_resnet8', CPNET),
    (str(ROOT / 'projects/bandit_sampler/config.py'), None),
]


def small(name: str, method: str | None, folder: Path) -> Config:
    cfg = read_config(name, method=method)
    import_modules(cfg.custom_imports.imports)
    cfg.model.synthesizer.update(batch_size=14, steps=2)
    if method == CPNET:
        cfg.model.synthesizer.update(image_size=16, latent_dim=16)
    else:
        cfg.model.synthesizer.generator.update(width=8, latent_dim=16, image_size=16)
    if cfg.model.synthesizer.get('samples'):
        cfg.model.synthesizer.samples = 14
    cfg.model.batch_size = 8
    cfg.model.buffer.capacity = 24
    cfg.train_cfg.update(max_rounds=3, warmup_rounds=1, steps_per_round=3)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.default_hooks.checkpoint.max_keep_ckpts = -1
    cfg.merge_from_dict(NO_VAL)
    teacher = cfg.model.teacher
    teacher.checkpoint = save_teacher(teacher.model, folder / 'teacher.pth', image_size=16)
    cfg.work_dir = str(folder / 'run')
    return cfg


def train(cfg: Config) -> tuple[dict, dict]:
    runner = build_runner(cfg)
    runner.train()
    return runner.model.state_dict(), runner.model.training_state()


@pytest.mark.parametrize('name, method', CONFIGS)
def test_resumed_equals_straight(name, method, tmp_path):
    cfg = small(name, method, tmp_path)
    weights, state = train(cfg)
    resumed = Config(cfg.to_dict())
    resumed.work_dir += '_resumed'
    resumed.load_from, resumed.resume = f'{cfg.work_dir}/round_2.pth', True
    weights_again, state_again = train(resumed)
    assert weights.keys() == weights_again.keys()
    assert all(torch.equal(weights[key], weights_again[key]) for key in weights)
    for key, value in state['sampler'].items():
        assert torch.equal(value, state_again['sampler'][key]), key
    assert torch.equal(state['rng'], state_again['rng'])


@pytest.mark.parametrize('path', ['nayer/nayer_digits.py', 'bandit_sampler/samplers_digits.py'])
def test_benchmark_specification(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    spec = read_spec(f'projects/{path}')
    assert spec.ours in spec.methods and spec.reference in spec.methods
