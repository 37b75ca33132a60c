"""Random shift and horizontal flip."""

import torch
from torch import Tensor

from ssdkd.checks import check_bool, check_int
from ssdkd.registry import BATCH_TRANSFORMS
from ssdkd.transforms.base import BaseBatchTransform
from ssdkd.transforms.functional import random_crop_flip


@BATCH_TRANSFORMS.register_module()
class RandomCropFlip(BaseBatchTransform):
    """Random crop of the padded image, and a random horizontal flip.

    Args:
        padding (int): Black pixels on each side, so that images are shifted by -padding ...
            padding pixels. Defaults to 0.
        flip (bool): Flip left to right with probability 0.5. Defaults to False.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(self, padding: int = 0, flip: bool = False):
        check_int(self, 0, padding=padding)
        check_bool(self, flip=flip)
        self.padding = padding
        self.flip = flip

    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return random_crop_flip(images, self.padding, self.flip, rng)
