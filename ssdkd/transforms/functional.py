"""Augmentation of whole batches, on their device."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ssdkd.errors import ConfigError


def to_unit_range(images: Tensor) -> Tensor:
    """Map uint8 images to float in [0, 1]; float images are returned as they are.

    Raises:
        ConfigError: They are a list, as mmengine's dataloaders give them by default.
    """
    if isinstance(images, list):
        raise ConfigError(
            'a dataloader gives its images as a list; set its '
            "collate_fn=dict(type='default_collate')"
        )
    return images.float() / 255 if images.dtype == torch.uint8 else images


def random_crop_flip(
    images: Tensor, padding: int, flip: bool, rng: torch.Generator | None = None
) -> Tensor:
    """Crop each image at random after padding with zeros, and flip half of the images.

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


def random_roll(images: Tensor, jitter: int, rng: torch.Generator | None = None) -> Tensor:
    """Roll the whole batch by one random offset, with wrap-around.

    Args:
        images (Tensor): [N, C, H, W].
        jitter (int): Offsets are -jitter ... jitter pixels, down and across.
        rng (torch.Generator, optional): Source of randomness, on the images' device.
            Defaults to torch's own.

    Returns:
        Tensor: Images of the same shape.
    """
    if jitter == 0:
        return images
    height, width = images.shape[-2:]
    device = images.device
    # As indices on the device: torch.roll wants its offsets on the host.
    down, across = torch.randint(-jitter, jitter + 1, (2, 1), generator=rng, device=device)
    rows = (torch.arange(height, device=device) - down) % height
    columns = (torch.arange(width, device=device) - across) % width
    return images[:, :, rows[:, None], columns]


def random_resized_crop_flip(
    images: Tensor, scale: tuple[float, float], rng: torch.Generator | None = None
) -> Tensor:
    """Crop a random box of each image, resize it to the full size, and flip half of the images.

    The box has a share of the area uniform in ``scale`` and an aspect ratio whose logarithm is
    uniform in that of [3/4, 4/3], as usual; sides that would not fit end at the image's. It is
    resized bilinearly. Every image draws its own box, without a loop over the batch.

    Args:
        images (Tensor): [N, C, H, W], float.
        scale (tuple[float, float]): Least and largest share of the area, in (0, 1].
        rng (torch.Generator, optional): Source of randomness, on the images' device.
            Defaults to torch's own.

    Returns:
        Tensor: Images of the same shape.
    """
    draws = torch.rand(5, len(images), generator=rng, device=images.device)
    area = scale[0] + (scale[1] - scale[0]) * draws[0]
    ratio = torch.exp(math.log(4 / 3) * (2 * draws[1] - 1))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    mirrored = draws[4] < 0.5
    across = _resize(images.shape[3], (1 - width) * draws[2], width)
    across = torch.where(mirrored[:, None, None], across.flip(1), across)
    down = _resize(images.shape[2], (1 - height) * draws[3], height)
    # Two products of matrices: the gradient of torch's grid_sample adds in no fixed order.
    return down.to(images)[:, None] @ images @ across.to(images).mT[:, None]


def _resize(size: int, start: Tensor, length: Tensor) -> Tensor:
    """What resizes a part of an axis to the whole, bilinearly -> [N, size, size], out by in.

    Args:
        size: Pixels of the axis.
        start: [N], where the part begins, as a share of the axis.
        length: [N], how long it is, likewise.
    """
    pixels = torch.arange(size, device=start.device)
    places = (start[:, None] + length[:, None] * (pixels + 0.5) / size) * size - 0.5
    places = places.clamp(0, size - 1)  # what is beyond the edge is like the edge
    return (1 - (places[:, :, None] - pixels).abs()).clamp_min(0)
