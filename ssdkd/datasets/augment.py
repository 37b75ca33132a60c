"""Augmentation of whole batches, on the device that holds them."""

import torch
import torch.nn.functional as F
from torch import Tensor


def to_unit_range(images: Tensor) -> Tensor:
    """Map uint8 images to float in [0, 1]; float images are returned as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def random_crop_flip(
    images: Tensor, padding: int, flip: bool, rng: torch.Generator | None = None
) -> Tensor:
    """Crop each image at random out of itself padded with zeros, and mirror half of them.

    Every image draws its own offsets, without a loop over the batch.

    Args:
        images (Tensor): [N, C, H, W], of any dtype.
        padding (int): Black pixels on each side, so that offsets are -padding ... padding.
        flip (bool): Mirror left to right with probability 0.5.
        rng (torch.Generator, optional): Source of randomness, on the images' device.
            Defaults to torch's own.

    Returns:
        Tensor: Images of the same shape, dtype and device.
    """
    if padding == 0 and not flip:
        return images
    n, channels, height, width = images.shape
    device = images.device
    top, left = torch.randint(0, 2 * padding + 1, (2, n, 1), generator=rng, device=device)
    rows = top + torch.arange(height, device=device)
    columns = left + torch.arange(width, device=device)
    if flip:
        mirrored = torch.randint(0, 2, (n, 1), generator=rng, device=device).bool()
        columns = torch.where(mirrored, columns.flip(1), columns)
    return F.pad(images, (padding,) * 4)[
        torch.arange(n, device=device)[:, None, None, None],
        torch.arange(channels, device=device)[:, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


def random_light(images: Tensor, strength: float, rng: torch.Generator | None = None) -> Tensor:
    """Change contrast and brightness of each image at random.

    Contrast, around the image's mean, and then brightness are multiplied by factors that are
    uniform in [1 - strength, 1 + strength], drawn for each image.

    Args:
        images (Tensor): [N, C, H, W], in [0, 1].
        strength (float): In [0, 1]; 0 changes nothing.
        rng (torch.Generator, optional): Source of randomness, on the images' device.
            Defaults to torch's own.

    Returns:
        Tensor: Images of the same shape, clipped to [0, 1].
    """
    if strength == 0:
        return images
    draws = torch.rand(2, len(images), 1, 1, 1, generator=rng, device=images.device)
    contrast, brightness = 1 + strength * (2 * draws - 1)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((mean + contrast * (images - mean)) * brightness).clamp(0, 1)
