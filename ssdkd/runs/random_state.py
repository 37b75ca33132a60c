"""The random states of a process, apart from the distiller's own generator."""

import random

import numpy as np
import torch


def random_state() -> dict:
    """The states of torch, its accelerator, Python and numpy, as plain tensors and numbers."""
    _, key, position, *gauss = np.random.get_state()
    return {
        'torch': torch.get_rng_state(),
        'cuda': torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        'python': random.getstate(),
        'numpy': torch.from_numpy(key.astype(np.int64)),
        'numpy_position': position,
        'numpy_gauss': gauss,
    }


def set_random_state(state: dict) -> None:
    """Go on from what :func:`random_state` returned, perhaps on another machine."""
    torch.set_rng_state(state['torch'].cpu())
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())
    version, internal, gauss = state['python']
    random.setstate((version, tuple(internal), gauss))
    key = state['numpy'].cpu().numpy().astype(np.uint32)
    np.random.set_state(('MT19937', key, state['numpy_position'], *state['numpy_gauss']))
