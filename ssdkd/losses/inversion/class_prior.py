"""Class prior: cross entropy with the requested class."""

from torch import Tensor

from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class ClassPriorLoss(BaseInversionLoss):
    """Cross entropy of the teacher's prediction against the requested class ("oh").

    Args:
        weight (float): Factor of this term. Defaults to 0.5.
    """

    modulated = True

    def __init__(self, weight: float = 0.5):
        super().__init__(weight)

    def forward(self, state: InversionState) -> Tensor:
        return state.task.class_prior(state.teacher_logits, state.targets)
