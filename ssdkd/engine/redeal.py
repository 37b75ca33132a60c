"""Going on with another number of processes."""

import torch
from torch import nn

from ssdkd.runs import new_seed


def redeal(distiller: nn.Module, states: list[dict], rank: int, world_size: int) -> dict:
    """One process's training state, made from those of more or fewer processes.

    Buffer and sampler say what becomes of their states (``deal``). The random stream begins
    anew, from a seed made of all saved streams and the rank: as repeatable as a run, but not
    the numbers that another number of processes would have drawn.

    Args:
        distiller (nn.Module): Its buffer and sampler are asked, and not changed.
        states (list[dict]): ``training_state`` of each process that saved one, by rank.
        rank (int): Which of the processes this is.
        world_size (int): How many there are now.

    Returns:
        dict: For ``load_training_state``.

    Raises:
        ConfigError: The buffer cannot be dealt.
    """
    rng = torch.Generator(distiller.rng.device)
    rng.manual_seed(new_seed([state['rng'] for state in states], f'{rank} of {world_size}'))
    return states[0] | {
        'buffer': distiller.buffer.deal([s['buffer'] for s in states], rank, world_size),
        'sampler': distiller.sampler.deal([s['sampler'] for s in states]),
        'rng': rng.get_state(),
    }
