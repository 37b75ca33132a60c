"""Runs that are stopped on one kind of device and go on on another."""

from contextlib import AbstractContextManager
from pathlib import Path

import torch
from helpers import _runs
from mmengine.config import Config
from mmengine.hooks import Hook
from torch import Tensor

from ssdkd.engine import StrictRunner


class _AtStart(Hook):
    """Copies the state of a run to the CPU before its first round."""

    def before_train(self, runner) -> None:
        self.state = state_of(runner)


def state_of(runner) -> dict[str, Tensor]:
    """Copies on the CPU of weights, optimizers, buffer and sampler, by name."""
    distiller = runner.model
    training = distiller.training_state()
    parts = {
        'weights': distiller.state_dict(),
        'buffer': training['buffer'],
        'sampler': training['sampler'],
        'optimizer': {r: w.state_dict() for r, w in runner.optim_wrapper.items()},
    }
    return {name: value.detach().cpu().clone() for name, value in _tensors('', parts)}


def _tensors(path: str, value):
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, dict | list | tuple):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _tensors(f'{path}.{key}'.lstrip('.'), part)


def run(cfg: Config, rounds: int, checkpoint: Path | None = None) -> tuple[dict, dict]:
    """Train up to a round, as ``tools/train.py`` does.

    Returns:
        tuple: the state before the first of these rounds, and that after the last one.
    """
    cfg = Config(cfg.to_dict())
    cfg.train_cfg.max_rounds = rounds
    cfg.experiment_name = f'device_{next(_runs)}'
    if checkpoint is not None:
        cfg.load_from, cfg.resume = str(checkpoint), True
    runner = StrictRunner.from_cfg(cfg)
    start = _AtStart()
    runner.register_hook(start)
    runner.train()
    return start.state, state_of(runner)


def check_move(cfg: Config, first: AbstractContextManager, second: AbstractContextManager):
    """A run of two rounds on one device goes on on another one with the very same tensors."""
    cfg.default_hooks.checkpoint.interval = 1
    cfg.train_cfg.warmup_rounds = 0
    checkpoint = Path(cfg.work_dir) / 'round_2.pth'
    with first:
        _, saved = run(cfg, 2)
    with second:
        start, end = run(cfg, 3, checkpoint)
    different = [k for k in saved if k not in start or not torch.equal(saved[k], start[k])]
    assert saved.keys() == start.keys() and not different, different
    changed = [k for k in start if k.startswith('weights.student') and k in end]
    assert any(not torch.equal(start[k], end[k]) for k in changed)
    assert all(value.isfinite().all() for value in end.values())


def check_exact(cfg: Config) -> None:
    """Two runs, and one that is stopped after two of three rounds, end in the same state."""
    cfg.randomness = dict(seed=0, deterministic=True)
    cfg.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=3)
    cfg.train_cfg.warmup_rounds = 0
    (_, whole), (_, again) = run(cfg, 3), run(cfg, 3)
    _, resumed = run(cfg, 3, Path(cfg.work_dir) / 'round_2.pth')
    for other in (again, resumed):
        assert whole.keys() == other.keys()
        different = [key for key in whole if not torch.equal(whole[key], other[key])]
        assert not different, different
