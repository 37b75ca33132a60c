"""Competition loss of Adaptive DeepInversion."""

import math

import torch
from torch import Tensor

from ssdkd.checks import check_number
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class JSCompetitionLoss(BaseInversionLoss):
    r"""One minus the Jensen-Shannon divergence of teacher and student.

    .. math:: 1 - \mathrm{JS}(p_t, p_s), \qquad
        \mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}(p \Vert m) + \tfrac12 \mathrm{KL}(q \Vert m),
        \quad m = \tfrac12 (p + q)

    with both distributions at temperature T (Adaptive DeepInversion, Yin et al. 2020, arXiv
    1912.08795), in [1 - log 2, 1]; its mean over the pixels or labels if there are several.
    The authors' code also clips the probabilities to [0.01, 0.99], which takes the gradient
    from confident predictions, and exchanges the arguments of the two KL; we follow the paper.

    Args:
        weight (float): Factor of this term. Defaults to 1.
        temperature (float): T. Defaults to 3, as in the authors' code.

    Raises:
        ConfigError: ``temperature`` is not above 0.
    """

    modulated = True
    needs_student = True

    def __init__(self, weight: float = 1.0, temperature: float = 3.0):
        super().__init__(weight)
        check_number(self, '(0, inf)', temperature=temperature)
        self.temperature = temperature

    def forward(self, state: InversionState) -> Tensor:
        log_p, log_q = (
            (state.task.outcomes(logits.float()) / self.temperature).log_softmax(dim=1)
            for logits in (state.teacher_logits, state.student_logits)
        )
        log_m = torch.logaddexp(log_p, log_q) - math.log(2)
        js = 0.5 * (log_p.exp() * (log_p - log_m) + log_q.exp() * (log_q - log_m)).sum(dim=1)
        return 1 - js.reshape(len(js), -1).mean(dim=1)
