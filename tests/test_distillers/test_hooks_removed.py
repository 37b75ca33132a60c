"""Hooks on the networks end with the run, however it ends."""

import pytest
import torch
from helpers import build_distiller, build_runner
from mmengine.hooks import Hook

from ssdkd.distillers import replay
from ssdkd.engine import StrictRunner
from ssdkd.errors import ConfigError
from ssdkd.models import Teacher

LOSSES = dict(
    bn=dict(type='BNStatisticsLoss'),
    activation=dict(type='ActivationLoss'),
)


def hooks(network) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


def watching(tiny, **changes):
    cfg = tiny({'train_cfg.max_rounds': 2})
    cfg.model.synthesizer.losses = LOSSES | changes
    return cfg


class Stops(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        raise KeyboardInterrupt


def interrupted(runner) -> None:
    runner.register_hook(Stops())
    with pytest.raises(KeyboardInterrupt):
        runner.train()


def refused(runner) -> None:
    """It does not come to its first round."""
    runner._load_from = 'nowhere.pth'
    with pytest.raises(ConfigError, match='nowhere.pth'):
        runner.train()


def ill_matched(runner) -> None:
    """Its loop cannot be built."""
    runner.model.batch_size = 1000
    with pytest.raises(ConfigError, match='model.batch_size=1000'):
        runner.train()


@pytest.mark.parametrize(
    'run', [lambda runner: runner.train(), interrupted, refused, ill_matched]
)
def test_a_run_takes_its_hooks_off_the_teacher(tiny, run):
    runner = build_runner(watching(tiny), StrictRunner)
    assert hooks(runner.model.teacher) > 10
    run(runner)
    assert hooks(runner.model.teacher) == hooks(runner.model.student) == 0
    with pytest.raises(ConfigError, match='the run has ended.*build a new distiller'):
        runner.model.synthesize(runner.optim_wrapper)


def test_contrastive_features_are_taken_off(tiny):
    cfg = watching(tiny)
    old = cfg.model.synthesizer
    cfg.model.synthesizer = dict(
        type='ContrastiveSynthesizer', generator=old.generator, losses=old.losses,
        batch_size=16, steps=1, bank_size=40, head_dim=8,
    )  # fmt: skip
    distiller = build_distiller(cfg)
    assert hooks(distiller.teacher) > 10
    distiller.detach()
    assert hooks(distiller.teacher) == 0


def test_a_distiller_that_cannot_be_built_leaves_no_hooks(tiny, monkeypatch):
    teachers = []

    def built(key, registry, cfg, build=replay.build_part):
        part = build(key, registry, cfg)
        teachers.extend([part] if isinstance(part, Teacher) else [])
        return part

    monkeypatch.setattr(replay, 'build_part', built)
    cfg = watching(tiny, activation=dict(type='ActivationLoss', layer='nowhere'))
    with pytest.raises(ConfigError, match="layer='nowhere' is not in the teacher"):
        build_distiller(cfg)
    assert len(teachers) == 1 and hooks(teachers[0]) == 0
    teachers[0](torch.zeros(1, 3, 16, 16))
