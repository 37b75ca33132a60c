"""Uniform sampling."""

import torch
from torch import Tensor

from ssdkd.buffers.base import BaseBuffer
from ssdkd.registry import SAMPLERS
from ssdkd.samplers.base import BaseSampler


@SAMPLERS.register_module()
class UniformSampler(BaseSampler):
    """Draws every filled slot equally often, with weight 1.

    The uniform replay that Schaul et al. (2016, arXiv 1511.05952) compare with, and the
    ablation of priority sampling in SSD-KD (Liu et al., CVPR 2024, arXiv 2406.07876). It
    keeps the priorities up to date without using them, so that a writer that reads them
    evicts as it would under priority sampling: the ablation changes the draw and no more.
    """

    def sample(self, buffer: BaseBuffer, n: int) -> tuple[Tensor, Tensor]:
        """Draw ``n`` slots with replacement -> indices [n] int64, ones [n]."""
        buffer.check_filled()
        size = len(buffer)
        indices = (buffer.rand(n) * size).long().clamp_(max=size - 1)
        buffer.count_use(indices)
        return indices, torch.ones(n, device=buffer.device)

    def update(self, buffer: BaseBuffer, indices: Tensor, divergence: Tensor) -> None:
        """Store the divergence [n] as the priority of ``indices`` [n]."""
        buffer.set_priority(indices.to(buffer.device), divergence)
