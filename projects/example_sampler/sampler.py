"""Samples by the disagreement of teacher and student."""

import torch

from ssdkd.deterministic import cumsum
from ssdkd.registry import SAMPLERS
from ssdkd.samplers import BaseSampler


@SAMPLERS.register_module()
class DisagreementSampler(BaseSampler):
    """Draws each sample in proportion to the latest divergence on it, with weight 1.

    Args:
        floor (float): Added to every divergence, > 0, so that no sample is lost.
    """

    def __init__(self, floor: float = 1e-3):
        self.floor = floor

    def sample(self, buffer, n):
        buffer.check_filled()
        ends = cumsum(buffer.columns['priority'][: len(buffer)].double() + self.floor)
        indices = torch.searchsorted(ends, buffer.rand(n) * ends[-1], right=True)
        indices.clamp_(max=len(buffer) - 1)  # rounding
        buffer.count_use(indices)
        return indices, torch.ones(n, device=buffer.device)

    def update(self, buffer, indices, divergence):
        buffer.set_priority(indices.to(buffer.device), divergence)
