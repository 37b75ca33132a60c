"""Say in a line what this sampler is for."""

import torch

from ssdkd.registry import SAMPLERS
from ssdkd.samplers import BaseSampler


@SAMPLERS.register_module()
class PluginName(BaseSampler):
    """Draws every filled slot equally often, with weight 1."""

    def sample(self, buffer, n):
        buffer.check_filled()
        indices = (buffer.rand(n) * len(buffer)).long().clamp_(max=len(buffer) - 1)
        buffer.count_use(indices)
        return indices, torch.ones(n, device=buffer.device)

    def update(self, buffer, indices, divergence):
        buffer.set_priority(indices.to(buffer.device), divergence)
