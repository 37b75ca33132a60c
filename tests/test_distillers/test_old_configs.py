"""Configs and checkpoints from before ReplayDistiller, roles and the keys of today."""

import copy

import pytest
import torch
from helpers import NO_VAL, build_runner, tiny_config
from mmengine.config import Config

from ssdkd.engine import StrictRunner

# What a checkpoint held then: the parts of its state dict, and what is beside it.
PARTS = {'teacher', 'student', 'synthesizer'}
TRAINING = {'buffer', 'sampler', 'rng'}
OLD = {
    'model.type': 'SSDKD',
    'model.crop_padding': 2,
    'model.flip': True,
    'model.light': 0.5,
    'model.synthesizer.crop_padding': 1,
    'model.synthesizer.flip': True,
    'train_cfg.max_rounds': 3,
    'default_hooks.checkpoint.max_keep_ckpts': -1,
}


def of_today(old: Config) -> Config:
    """The same run in the keys of today."""
    cfg = Config(copy.deepcopy(old.to_dict()))
    cfg.model.type = 'ReplayDistiller'
    cfg.model.modulation = cfg.model.pop('balancing')
    for part in (cfg.model, cfg.model.synthesizer):
        padding, flip = part.pop('crop_padding'), part.pop('flip')
        part.augment = [dict(type='RandomCropFlip', padding=padding, flip=flip)]
    cfg.model.augment.append(dict(type='RandomLight', strength=cfg.model.pop('light')))
    cfg.work_dir += '_today'
    return cfg


@pytest.fixture
def old_run(tmp_path):
    """A config of then, its run, and what it came to."""
    cfg = tiny_config(tmp_path, NO_VAL | OLD)
    cfg.model.balancing = cfg.model.pop('modulation')
    runner = build_runner(cfg)
    runner.train()
    return cfg, runner.model


def same(first, second) -> bool:
    weights, again = first.state_dict(), second.state_dict()
    rng = torch.equal(first.rng.get_state(), second.rng.get_state())
    return rng and all(torch.equal(weights[key], again[key]) for key in weights)


def test_old_and_new_keys_are_the_same_run(old_run):
    cfg, model = old_run
    runner = build_runner(of_today(cfg))
    runner.train()
    assert same(runner.model, model)


def test_a_checkpoint_of_then_goes_on_with_the_keys_of_today(old_run, caplog):
    cfg, model = old_run
    path = f'{cfg.work_dir}/round_2.pth'
    stored = torch.load(path, weights_only=False)
    assert {key.split('.')[0] for key in stored['state_dict']} == PARTS
    assert set(stored['optimizer']) == {'student', 'generator'}
    assert set(stored['distillation'][0]['distiller']) == TRAINING
    assert stored['settings']['model']['type'] == 'SSDKD'
    resumed = of_today(cfg)
    resumed.load_from, resumed.resume = path, True
    runner = strict_runner(resumed)
    runner.train()
    assert same(runner.model, model)
    assert runner._changes == {}  # it is no other setting


def test_another_augmentation_is_named(old_run):
    cfg, _ = old_run
    resumed = of_today(cfg)
    resumed.model.augment[0].padding = 1
    resumed.load_from, resumed.resume = f'{cfg.work_dir}/round_2.pth', True
    runner = strict_runner(resumed)
    runner.train()
    assert runner._changes == {'model.augment.0.padding': '2 -> 1'}


def strict_runner(cfg: Config):
    cfg.experiment_name = cfg.work_dir
    return StrictRunner.from_cfg(cfg)
