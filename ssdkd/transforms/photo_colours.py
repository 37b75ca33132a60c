"""Light, contrast and saturation of photographs."""

import torch
from torch import Tensor

from ssdkd.registry import BATCH_TRANSFORMS
from ssdkd.transforms.base import BaseBatchTransform

# 500 photographs of ImageNet, their squares resized to 32x32: 5 and 95 % of their means and
# standard deviations over all pixels and channels, and about what the mean of a channel differs
# from that of all.
LIGHT = (0.27, 0.67)
CONTRAST = (0.12, 0.31)
CAST = 0.1


@BATCH_TRANSFORMS.register_module()
class PhotoColours(BaseBatchTransform):
    r"""Gives each image the light, the contrast and a share of the saturation of a photograph.

    .. math:: x' = \frac{c}{\sigma(y)} (y - \mu(y)) + l + d, \qquad
        y = g + s\, (x - g)

    with the mean g of a pixel's channels, and mean and standard deviation of an image over all
    its pixels and channels. For each image, the saturation s is uniform in [0, 1], the contrast
    c and the light l are uniform in what 500 photographs have, and d is uniform in [-0.1, 0.1]
    for each channel. The contrast grows at most by a factor of four.

    *choice*: inversion without batch norms leaves the colours free, and they drift to a few
    loud ones. Both networks see the changed image, so the student learns what the teacher
    answers on colours of photographs.
    """

    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        n, channels = images.shape[:2]
        draws = torch.rand(n, 3 + channels, 1, 1, generator=rng, device=images.device)
        saturation, light, contrast, cast = draws.split([1, 1, 1, channels], dim=1)
        light = LIGHT[0] + (LIGHT[1] - LIGHT[0]) * light + CAST * (2 * cast - 1)
        contrast = CONTRAST[0] + (CONTRAST[1] - CONTRAST[0]) * contrast

        grey = images.mean(dim=1, keepdim=True)
        images = grey + saturation * (images - grey)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        std = images.std(dim=(1, 2, 3), keepdim=True, correction=0)
        factor = (contrast / (std + 1e-3)).clamp(max=4)
        return ((images - mean) * factor + light).clamp(0, 1)
