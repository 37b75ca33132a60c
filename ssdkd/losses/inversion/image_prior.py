"""Image priors: total variation and L2."""

from torch import Tensor

from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class TotalVariationLoss(BaseInversionLoss):
    """Mean absolute difference of neighbouring pixels, down and across.

    As in DeepInversion (Yin et al. 2020, arXiv 1912.08795), per sample and averaged over
    pixels, so that the weight does not depend on the image size.

    Args:
        weight (float): Factor of this term. Defaults to 1.
    """

    def forward(self, state: InversionState) -> Tensor:
        x = state.images
        down = (x[:, :, 1:] - x[:, :, :-1]).abs().mean(dim=(1, 2, 3))
        across = (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3))
        return down + across


@LOSSES.register_module()
class L2Loss(BaseInversionLoss):
    """Mean squared distance of the pixels from mid-grey.

    Args:
        weight (float): Factor of this term. Defaults to 1.
    """

    def forward(self, state: InversionState) -> Tensor:
        return (state.images - 0.5).square().mean(dim=(1, 2, 3))
