"""Weights by class balance and difficulty."""

import torch
from torch import Tensor

from ssdkd.buffers.base import BaseBuffer
from ssdkd.checks import check_bool, check_number
from ssdkd.modulation.base import BaseModulation
from ssdkd.registry import MODULATIONS
from ssdkd.tasks.base import TaskOutput


@MODULATIONS.register_module()
class ModulatingFunction(BaseModulation):
    r"""Less weight for samples of large classes, and for samples that are easy for the teacher.

    .. math:: \phi(x) = \Bigl(1 - \sum_k h_k(x) \frac{n_k(D)}{|D|}\Bigr)
                        \,(1 - p_t(c(x) | x))^\gamma

    with the sample's class shares h (one-hot in classification), the buffer's class counts
    n and the teacher's confidence p (SSD-KD, Liu et al. 2024, arXiv 2406.07876). An empty
    buffer gives the diversity term 1. A well-trained teacher is almost certain of most samples,
    so that only a few keep a weight; a temperature spreads the weights. Without both factors
    the weights are 1 and are not computed; without the first, no class counts are needed.

    Args:
        gamma (float): Exponent of the difficulty term, >= 0. Defaults to 1.
        diversity (bool): Use the first factor. Defaults to True.
        difficulty (bool): Use the second factor. Defaults to True.
        temperature (float): Temperature > 0 of p (*choice*). With that of the distillation,
            a sample's difficulty is measured on the distribution that the student is taught.
            Defaults to 1.
        normalize (bool): Scale the weights to mean 1 over the batch, so that they redistribute
            the loss without changing its size. Defaults to True.
    """

    def __init__(
        self,
        gamma: float = 1.0,
        diversity: bool = True,
        difficulty: bool = True,
        temperature: float = 1.0,
        normalize: bool = True,
    ):
        check_number(self, '[0, inf)', gamma=gamma)
        check_number(self, '(0, inf)', temperature=temperature)
        check_bool(self, diversity=diversity, difficulty=difficulty, normalize=normalize)
        self.gamma = gamma
        self.diversity = diversity
        self.difficulty = difficulty
        self.temperature = temperature
        self.normalize = normalize
        self.active = diversity or difficulty
        self.needs_counts = diversity

    @torch.no_grad()
    def __call__(self, output: TaskOutput, buffer: BaseBuffer) -> Tensor:
        weights = torch.ones_like(output.confidence)
        if self.diversity and len(buffer):
            share = (buffer.class_counts / buffer.class_counts.sum()).to(weights)
            weights = weights * (1 - output.class_share @ share)
        if self.difficulty:
            weights = weights * (1 - output.confidence) ** self.gamma
        if self.normalize:
            mean = weights.mean()
            # All samples in one class, or all certain: there is nothing to redistribute.
            weights = torch.where(mean > 0, weights / mean, torch.ones_like(weights))
        return weights
