"""Pseudo-label loss: high confidence of the teacher."""

import torch.nn.functional as F
from torch import Tensor

from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class PseudoLabelLoss(BaseInversionLoss):
    r"""Cross entropy of the teacher's prediction against its own most likely class.

    .. math:: -\log \max_k p_t(k | x)

    ("one-hot loss", DAFL, Chen et al. 2019, arXiv 1904.01186), its mean over the
    pixels or labels if there are several. Unlike ``ClassPriorLoss`` it leaves the choice of the
    class to the generator.

    Args:
        weight (float): Factor of this term. Defaults to 1, as in DAFL's code.
    """

    modulated = True

    def forward(self, state: InversionState) -> Tensor:
        logits = state.task.outcomes(state.teacher_logits.float())
        loss = -F.log_softmax(logits, dim=1).amax(dim=1)
        return loss.reshape(len(loss), -1).mean(dim=1)
