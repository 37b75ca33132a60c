"""Put into the checkpoint what the weights do not hold."""

import random

import numpy as np
import torch
from mmengine.hooks import Hook

from ssdkd.registry import HOOKS


@HOOKS.register_module()
class TrainingStateHook(Hook):
    """Saves and restores the buffer, the sampler and every random state.

    mmengine's checkpoints hold weights, optimizers and schedules, but neither a replay
    buffer nor random states; with these a resumed run equals one that was never stopped.
    """

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['distillation'] = self._distiller(runner).training_state()
        checkpoint['random'] = {
            'torch': torch.get_rng_state(),
            'cuda': torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            'python': random.getstate(),
            'numpy': torch.from_numpy(np.random.get_state()[1].astype(np.int64)),
            'numpy_position': np.random.get_state()[2],
        }

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        # Also called when weights alone are loaded, for a test or as a starting point.
        if not (runner._resume and 'distillation' in checkpoint):
            return
        self._distiller(runner).load_training_state(checkpoint['distillation'])
        state = checkpoint['random']
        torch.set_rng_state(state['torch'].cpu())
        if len(state['cuda']) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([s.cpu() for s in state['cuda']])
        version, internal, gauss = state['python']
        random.setstate((version, tuple(internal), gauss))
        key = state['numpy'].cpu().numpy().astype(np.uint32)
        np.random.set_state(('MT19937', key, state['numpy_position'], 0, 0.0))

    @staticmethod
    def _distiller(runner):
        return getattr(runner.model, 'module', runner.model)
