"""Attention-transfer loss."""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor

from ssdkd.losses.distillation.layers import BaseLayerLoss
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class AttentionTransferLoss(BaseLayerLoss):
    r"""Mean squared difference of the attention maps of some layers, summed over the layers.

    .. math:: \sum_l \frac{1}{P_l}
        \left\| \frac{a_l^s}{\|a_l^s\|_2} - \frac{a_l^t}{\|a_l^t\|_2} \right\|_2^2,
        \qquad a_l = \frac{1}{C_l} \sum_c h_{l,c}^2

    with the features h of layer l, whose maps have C channels and P pixels (Zagoruyko and
    Komodakis 2017, arXiv 1612.03928), as ZSKT uses it (Micaelli and Storkey 2019, arXiv
    1905.09768). ZSKT's code divides the KL term beside it by the number of classes.

    Args:
        weight (float): Factor of this term. Defaults to 250, as in ZSKT's code.
        layers (Mapping[str, str] | Sequence[str], optional): Name of the student's layer to
            that of the teacher's, a sequence where they have the same names; the maps of both
            must have the same size. Defaults to all stages that both networks have, such as
            layer1 to layer3 or block1 to block3.

    Raises:
        ConfigError: A network has no such layer, or the maps of two differ in size.
    """

    def __init__(
        self,
        weight: float = 250.0,
        layers: Mapping[str, str] | Sequence[str] | None = None,
    ):
        super().__init__(weight, layers)

    def keep(self, maps: Tensor) -> Tensor:
        """The squared features' mean over the channels, [N, H, W]."""
        return maps.square().mean(dim=1)

    def difference(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Mean over the pixels, of maps of length 1."""
        student, teacher = (F.normalize(maps.flatten(1), dim=1) for maps in (student, teacher))
        return (student - teacher).square().mean(dim=1)
