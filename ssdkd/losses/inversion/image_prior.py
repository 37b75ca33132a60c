"""Image priors: total variation and L2."""

from torch import Tensor

from ssdkd.checks import check_number
from ssdkd.errors import ConfigError
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
class TotalVariationTargetLoss(BaseInversionLoss):
    r"""Distance of the total variation from that of photographs.

    .. math:: E_v\, |TV(x) - v|, \quad v \sim U(low, high), \quad
        TV(x) = \sum_d \sqrt{\mathrm{mean}\,(x - \mathrm{shift}_d\, x)^2}

    over the four directions d down, across and the two diagonals, a batch statistic (PSAQ-ViT,
    Li et al. 2022, arXiv 2203.02250). Neither flat images nor noise have the lowest loss.

    PSAQ-ViT takes norms over a batch of 32 normalised images of 224 pixels, and v between 2500
    and 3000. *choice*: a mean in place of the sum makes it the same for every size and batch,
    that is a division by :math:`\sqrt{32 \cdot 3 \cdot 224^2} = 2195`; the factor 0.225, the
    mean of ImageNet's standard deviations, turns it into units of images in [0, 1]. The result
    is 0.256 to 0.308. It needs no change for smaller images: the contrast between neighbouring
    pixels of photographs hardly depends on the scale (Ruderman 1994, "The statistics of natural
    images"). The expectation over v stands for a random v. The published weight of 0.05 is 488
    in these units.

    Args:
        weight (float): Factor of this term. Defaults to 1 (*choice*).
        low (float): Smallest v, at least 0. Defaults to 0.256.
        high (float): Largest v, above ``low``. Defaults to 0.308.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(self, weight: float = 1.0, low: float = 0.256, high: float = 0.308):
        super().__init__(weight)
        check_number(self, '[0, inf)', low=low, high=high)
        if low >= high:
            raise ConfigError(
                f'TotalVariationTargetLoss: low={low} and high={high}; high must be above low'
            )
        self.low = low
        self.high = high

    def forward(self, state: InversionState) -> Tensor:
        x = state.images
        differences = (
            x[..., 1:, :] - x[..., :-1, :],
            x[..., 1:] - x[..., :-1],
            x[..., 1:, 1:] - x[..., :-1, :-1],
            x[..., 1:, :-1] - x[..., :-1, 1:],
        )
        # The root of 0, of a flat batch, has no finite slope.
        variation = sum((d.square().mean() + 1e-8).sqrt() for d in differences)
        below = (variation - self.low).clamp(0, self.high - self.low)
        above = (self.high - variation).clamp(0, self.high - self.low)
        inside = (below.square() + above.square()) / (2 * (self.high - self.low))
        outside = (variation - self.high).clamp_min(0) + (self.low - variation).clamp_min(0)
        return inside + outside


@LOSSES.register_module()
class L2Loss(BaseInversionLoss):
    """Mean squared distance of the pixels from mid-grey.

    Args:
        weight (float): Factor of this term. Defaults to 1.
    """

    def forward(self, state: InversionState) -> Tensor:
        return (state.images - 0.5).square().mean(dim=(1, 2, 3))
