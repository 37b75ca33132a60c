"""Image priors: total variation and L2."""

import math

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

    .. math:: E_v\, |TV(x) - v|, \quad v \sim U(low, high) \cdot (224 / side)^{0.15}, \quad
        TV(x) = \sum_d \sqrt{\mathrm{mean}\,(x - \mathrm{shift}_d\, x)^2}

    over the four directions d down, across and the two diagonals, a batch statistic (PSAQ-ViT,
    Li et al. 2022, arXiv 2203.02250). Neither flat images nor noise have the lowest loss. The
    expectation over v stands for a random v.

    PSAQ-ViT takes norms over a batch of 32 normalised images of 224 pixels, and v between 2500
    and 3000. *choice*: a mean in place of the sum makes it the same for every batch, that is a
    division by :math:`\sqrt{32 \cdot 3 \cdot 224^2} = 2195`; the factor 0.225, the mean of
    ImageNet's standard deviations, turns it into units of images in [0, 1]: 0.256 to 0.308.
    Smaller images have more contrast between neighbouring pixels. The exponent is measured: of
    167 photographs of ImageNet, TV is 0.355 at 224 pixels and 0.480 at 32. The published weight
    of 0.05 is 488 in these units.

    Args:
        weight (float): Factor of this term. Defaults to 1 (*choice*).
        low (float): Smallest v at 224 pixels, at least 0. Defaults to 0.256.
        high (float): Largest v at 224 pixels, above ``low``. Defaults to 0.308.

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
        scale = (224 / math.sqrt(x.shape[2] * x.shape[3])) ** 0.15
        low, high = scale * self.low, scale * self.high
        below = (variation - low).clamp(0, high - low)
        above = (high - variation).clamp(0, high - low)
        inside = (below.square() + above.square()) / (2 * (high - low))
        outside = (variation - high).clamp_min(0) + (low - variation).clamp_min(0)
        return inside + outside


@LOSSES.register_module()
class L2Loss(BaseInversionLoss):
    """Mean squared distance of the pixels from mid-grey.

    Args:
        weight (float): Factor of this term. Defaults to 1.
    """

    def forward(self, state: InversionState) -> Tensor:
        return (state.images - 0.5).square().mean(dim=(1, 2, 3))
