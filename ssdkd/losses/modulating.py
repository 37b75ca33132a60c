"""The modulating function: how much a sample counts, by class and by difficulty."""

from collections.abc import Callable

import torch
from torch import Tensor

from ssdkd.buffers.base import BaseBuffer
from ssdkd.checks import check_bool, check_number
from ssdkd.registry import BALANCING
from ssdkd.tasks.base import TaskOutput

# phi(task_output, buffer) -> [N] >= 0, without gradient. Three attributes are optional:
# `active`, False if phi is 1 whatever the sample; `needs_counts`, True if it reads the buffer's
# class counts; `temperature`, which divides the teacher's logits before the task reads them.
BalancingFunction = Callable[[TaskOutput, BaseBuffer], Tensor]


@BALANCING.register_module()
class ModulatingFunction:
    r"""Weigh samples down whose class is crowded or which the teacher finds easy.

    .. math:: \phi(x) = \Bigl(1 - \sum_k h_k(x) \frac{n_k(D)}{|D|}\Bigr)
                        \,(1 - p_t(c(x) | x))^\gamma

    with the sample's class shares h (one-hot in classification), the buffer's class counts
    n and the teacher's confidence p (SSD-KD, Liu et al. 2024, arXiv 2406.07876). An empty
    buffer gives the diversity term 1. The confidence of a well-trained teacher is 1 but for the
    least convincing samples, which alone are left with a weight; a temperature spreads the
    weights. Without both factors phi is 1, which the distiller does
    not compute at all; without the first it needs no class counts.

    Args:
        gamma (float): Exponent of the difficulty term, >= 0. Defaults to 1.
        diversity (bool): Use the first factor. Defaults to True.
        difficulty (bool): Use the second factor. Defaults to True.
        temperature (float): Temperature > 0 of p (*choice*). With that of the distillation,
            a sample's difficulty is measured on the distribution that the student is taught.
            Defaults to 1.
        normalize (bool): Scale phi to mean 1 over the batch, so that it redistributes the
            loss without changing its size. Defaults to True.
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
        phi = torch.ones_like(output.confidence)
        if self.diversity and len(buffer):
            share = (buffer.class_counts / buffer.class_counts.sum()).to(phi)
            phi = phi * (1 - output.class_share @ share)
        if self.difficulty:
            phi = phi * (1 - output.confidence) ** self.gamma
        if self.normalize:
            mean = phi.mean()
            # All samples in one class, or all certain: there is nothing to redistribute.
            phi = torch.where(mean > 0, phi / mean, torch.ones_like(phi))
        return phi
