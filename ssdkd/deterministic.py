"""Deterministic forms of operations that torch does not have on CUDA."""

import torch
from torch import Tensor


def cumsum(values: Tensor) -> Tensor:
    """Cumulative sums over the last axis.

    Where ``torch.use_deterministic_algorithms`` is on, an accelerator adds in a fixed order:
    in log2(n) steps of doubled reach (Hillis and Steele 1986).

    Args:
        values (Tensor): [..., n].
    """
    if values.device.type == 'cpu' or not torch.are_deterministic_algorithms_enabled():
        return values.cumsum(-1)
    reach = 1
    while reach < values.shape[-1]:
        head, tail = values[..., :reach], values[..., reach:] + values[..., :-reach]
        values = torch.cat([head, tail], dim=-1)
        reach *= 2
    return values
