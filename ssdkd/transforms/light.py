"""Random contrast and brightness."""

import torch
from torch import Tensor

from ssdkd.checks import check_number
from ssdkd.registry import BATCH_TRANSFORMS
from ssdkd.transforms.base import BaseBatchTransform
from ssdkd.transforms.functional import random_light


@BATCH_TRANSFORMS.register_module()
class RandomLight(BaseBatchTransform):
    """Random contrast and brightness of each image.

    Helps where real images vary more in light than the samples do.

    Args:
        strength (float): Factors are uniform in [1 - strength, 1 + strength]; in [0, 1].

    Raises:
        ConfigError: ``strength`` is out of its range.
    """

    def __init__(self, strength: float):
        check_number(self, '[0, 1]', strength=strength)
        self.strength = strength

    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return random_light(images, self.strength, rng)
