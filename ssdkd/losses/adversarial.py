"""Seek samples on which the student does not yet follow the teacher."""

from torch import Tensor

from ssdkd.checks import check_bool, check_number
from ssdkd.losses.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class AdversarialLoss(BaseInversionLoss):
    """Negative divergence of the student from the teacher ("adv").

    Args:
        weight (float): Factor of this term. Defaults to 1.
        temperature (float): T of the divergence, above 0. Defaults to 20.
        decision (bool): Only where student and teacher agree on the class, which keeps the
            samples near the decision boundary ("decision adversarial", Fast, Fang et al.
            2022, arXiv 2112.12568). Defaults to False.
    """

    modulated = True
    needs_student = True

    def __init__(self, weight: float = 1.0, temperature: float = 20.0, decision: bool = False):
        super().__init__(weight)
        check_number(self, '(0, inf)', temperature=temperature)
        check_bool(self, decision=decision)
        self.temperature = temperature
        self.decision = decision

    def forward(self, state: InversionState) -> Tensor:
        divergence = state.task.divergence(
            state.student_logits, state.teacher_logits, self.temperature
        )
        if self.decision:
            divergence = divergence * state.task.agreement(
                state.student_logits, state.teacher_logits
            )
        return -divergence
