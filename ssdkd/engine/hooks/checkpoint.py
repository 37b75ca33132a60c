"""Checkpoints from which training continues as if it had never stopped."""

import random

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import CheckpointHook

import ssdkd.engine.atomic_backend  # noqa: F401  (registers the backend 'atomic')
from ssdkd.engine.redeal import redeal
from ssdkd.errors import ConfigError
from ssdkd.registry import HOOKS


@HOOKS.register_module()
class DistillCheckpointHook(CheckpointHook):
    """mmengine's checkpoint hook, plus buffer, sampler and random states, written atomically.

    mmengine saves weights, optimizers and schedules. A distillation also lives in its replay
    buffer and its random states; of these every process has its own.

    Args:
        interval (int): Rounds between checkpoints. Defaults to 5.
        max_keep_ckpts (int): How many to keep, at least 2, or -1 for all: the oldest goes
            before the newest is written, and a kill in between must not leave none.
            Defaults to 2.
        **kwargs: See mmengine's ``CheckpointHook``.
    """

    def __init__(self, interval: int = 5, max_keep_ckpts: int = 2, **kwargs):
        if max_keep_ckpts in (0, 1):
            raise ConfigError(
                f'default_hooks.checkpoint.max_keep_ckpts={max_keep_ckpts} must '
                'be at least 2, or -1 for all'
            )
        super().__init__(
            interval,
            max_keep_ckpts=max_keep_ckpts,
            filename_tmpl='round_{}.pth',
            backend_args=dict(backend='atomic'),
            **kwargs,
        )
        self._states: list[dict] | None = None

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        # All processes come here; only the first goes on to before_save_checkpoint.
        if get_world_size() > 1:
            self._states = all_gather_object(self._state(runner))
        super()._save_checkpoint_with_step(runner, step, meta)
        self._states = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['distillation'] = self._states or [self._state(runner)]

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        # Also called when weights alone are loaded, as a starting point.
        if not (runner._resume and 'distillation' in checkpoint):
            return
        states, rank, world_size = checkpoint['distillation'], get_rank(), get_world_size()
        state = states[rank % len(states)]
        training = state['distiller']
        distiller = getattr(runner.model, 'module', runner.model)
        if len(states) != world_size:
            training = redeal(distiller, [s['distiller'] for s in states], rank, world_size)
            runner.logger.info(
                f'The checkpoint is of {len(states)} process(es), this run has {world_size}: '
                'the samples are dealt anew, random numbers begin anew, and a step of the '
                f'student now takes {world_size} x {distiller.batch_size} samples'
            )
        distiller.load_training_state(training)
        torch.set_rng_state(state['torch'].cpu())
        if state['cuda'] is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(state['cuda'].cpu())
        version, internal, gauss = state['python']
        random.setstate((version, tuple(internal), gauss))
        key = state['numpy'].cpu().numpy().astype(np.uint32)
        np.random.set_state(('MT19937', key, state['numpy_position'], *state['numpy_gauss']))

    @staticmethod
    def _state(runner) -> dict:
        distiller = getattr(runner.model, 'module', runner.model)
        _, key, position, *gauss = np.random.get_state()
        return {
            'distiller': distiller.training_state(),
            'torch': torch.get_rng_state(),
            'cuda': torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
            'python': random.getstate(),
            'numpy': torch.from_numpy(key.astype(np.int64)),
            'numpy_position': position,
            'numpy_gauss': gauss,
        }
