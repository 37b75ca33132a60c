"""Mean absolute difference of the logits."""

from torch import Tensor

from ssdkd.losses.distillation.base import BaseDistillationLoss
from ssdkd.registry import LOSSES
from ssdkd.tasks.base import BaseTask


def l1_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean absolute difference over all but the first dimension -> [N], in float32."""
    return (student.float() - teacher.float()).abs().flatten(1).mean(dim=1)


@LOSSES.register_module()
class L1LogitLoss(BaseDistillationLoss):
    r"""Mean absolute difference of the logits, over the classes and the pixels.

    .. math:: \frac{1}{K} \|f_t(x) - f_s(x)\|_1

    (DFAD, Fang et al. 2019, arXiv 1912.11006), whose gradient does not vanish where
    the distributions are nearly equal.

    Args:
        weight (float): Factor of this term. Defaults to 1, as in DFAD's code.
    """

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, task: BaseTask) -> Tensor:
        return l1_distance(student_logits, teacher_logits)
