"""Information-entropy loss: balanced classes in a batch."""

import math

from torch import Tensor

from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class InformationEntropyLoss(BaseInversionLoss):
    r"""Negative entropy of the batch's mean prediction; lowest if all classes are equal.

    .. math:: \sum_k \bar p_k \log \bar p_k, \qquad \bar p = \frac{1}{N} \sum_x p_t(x)

    in nats, a batch statistic in [-log K, 0]; in segmentation the mean runs over the pixels,
    too, and of several labels :math:`\bar p_k` is the share of label k in all labels (DAFL,
    Chen et al. 2019, arXiv 1904.01186; DFQ, Choi et al. 2020, arXiv 2005.04136). In distributed
    training each process spreads its own batch.

    Args:
        weight (float): Factor of this term. Defaults to 5 / log(10): DAFL's code has 5 and
            the logarithm to base 10.
    """

    def __init__(self, weight: float = 5 / math.log(10)):
        super().__init__(weight)

    def forward(self, state: InversionState) -> Tensor:
        log_mean = state.task.log_mean_share(state.teacher_logits)
        return (log_mean.exp() * log_mean).sum()
