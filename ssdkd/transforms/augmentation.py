"""A list of transforms, applied in order."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ssdkd.errors import ConfigError
from ssdkd.registry import BATCH_TRANSFORMS
from ssdkd.transforms.base import BaseBatchTransform


class Augmentation:
    """Applies a list of batch transforms in their order.

    Args:
        owner (str): Config key of the component that augments, for messages: ``'model'``.
        transforms (Sequence[dict]): Configs of batch transforms.

    Raises:
        ConfigError: A transform cannot be built.
    """

    def __init__(self, owner: str, transforms: Sequence[dict]):
        if not isinstance(transforms, Sequence) or isinstance(transforms, str):
            raise ConfigError(
                f'{owner}.augment={transforms!r} must be a list of transforms, such as '
                "[dict(type='RandomCropFlip', padding=4, flip=True)]"
            )
        self.transforms = [
            _built(f'{owner}.augment.{i}', cfg) for i, cfg in enumerate(transforms)
        ]

    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Transform images [N, 3, H, W] in [0, 1]; see :class:`BaseBatchTransform`."""
        for transform in self.transforms:
            images = transform(images, rng)
        return images


def _built(key: str, cfg: Any) -> BaseBatchTransform:
    try:
        return BATCH_TRANSFORMS.build(cfg)
    except ConfigError as error:
        raise ConfigError(f'{key}: {error}') from error
