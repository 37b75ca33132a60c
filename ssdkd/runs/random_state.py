"""Saving and restoring of random states, also on another type of device."""

import hashlib
import random
from collections.abc import Iterable

import numpy as np
import torch
from mmengine.logging import print_log


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


def new_seed(states: Iterable[torch.Tensor], salt: str) -> int:
    """A seed for a stream that cannot continue, derived from saved states.

    Args:
        states: Of all generators that there were.
        salt: What tells streams apart that are made of the same states.
    """
    digest = hashlib.sha256(salt.encode())
    for state in states:
        digest.update(state.cpu().numpy().tobytes())
    return int.from_bytes(digest.digest()[:8], 'big', signed=True)


def restore_generator(rng: torch.Generator, saved: torch.Tensor) -> None:
    """Restore a generator's state, perhaps from another type of device.

    No device can go on with the random numbers of another kind: they begin again then, from a
    seed that is made of the saved state, and the log says so.

    Args:
        rng: The generator.
        saved: What ``get_state`` of the other generator returned, on the CPU.
    """
    # Each kind of device has states of a length of its own.
    if len(saved) == len(rng.get_state()):
        rng.set_state(saved)
        return
    rng.manual_seed(new_seed([saved], rng.device.type))
    print_log(
        f"The checkpoint was not written on a device of type '{rng.device.type}': random "
        'numbers start again, everything else continues',
        'current',
    )


def set_random_state(state: dict) -> None:
    """Restore what :func:`random_state` returned, perhaps on another machine."""
    torch.set_rng_state(state['torch'].cpu())
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())
    version, internal, gauss = state['python']
    random.setstate((version, tuple(internal), gauss))
    key = state['numpy'].cpu().numpy().astype(np.uint32)
    np.random.set_state(('MT19937', key, state['numpy_position'], *state['numpy_gauss']))
