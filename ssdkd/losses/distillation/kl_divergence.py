"""Kullback-Leibler divergence from the teacher."""

from torch import Tensor

from ssdkd.checks import check_number
from ssdkd.losses.distillation.base import BaseDistillationLoss
from ssdkd.registry import LOSSES
from ssdkd.tasks.base import BaseTask


@LOSSES.register_module()
class KLDivergenceLoss(BaseDistillationLoss):
    r"""The task's divergence of the student from the teacher at temperature T.

    .. math:: T^2\, \mathrm{KL}(\mathrm{softmax}(f_t(x) / T) \Vert \mathrm{softmax}(f_s(x) / T))

    (Hinton et al. 2015, arXiv 1503.02531), in segmentation its mean over the pixels.

    Args:
        weight (float): Factor of this term. Defaults to 1.
        temperature (float): T. Defaults to 20.

    Raises:
        ConfigError: ``temperature`` is not above 0.
    """

    def __init__(self, weight: float = 1.0, temperature: float = 20.0):
        super().__init__(weight)
        check_number(self, '(0, inf)', temperature=temperature)
        self.temperature = temperature

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, task: BaseTask) -> Tensor:
        return task.divergence(student_logits, teacher_logits, self.temperature)
