"""Adversarial losses: samples on which student and teacher differ."""

from torch import Tensor

from ssdkd.checks import check_bool, check_number
from ssdkd.losses.distillation.l1_logit import l1_distance
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
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


@LOSSES.register_module()
class AdversarialL1Loss(BaseInversionLoss):
    r"""Negative mean absolute difference of the logits, over the classes and the pixels.

    .. math:: -\frac{1}{K} \|f_t(x) - f_s(x)\|_1

    (DFAD, Fang et al. 2019, arXiv 1912.11006).

    Args:
        weight (float): Factor of this term. Defaults to 1, as in DFAD's code.
    """

    modulated = True
    needs_student = True

    def forward(self, state: InversionState) -> Tensor:
        return -l1_distance(state.student_logits, state.teacher_logits)
