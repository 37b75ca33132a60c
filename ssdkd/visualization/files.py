"""Atomic writing of figures and pictures."""

import io
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ssdkd.atomic import write_whole


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format that the suffix names; without one it is PNG."""
    file = io.BytesIO()
    figure.savefig(file, format=Path(path).suffix[1:] or 'png', dpi=150)
    write_whole(path, file.getvalue())


def as_rgb(images: Tensor) -> Tensor:
    """Images [..., C, H, W] of any number of channels as pictures [..., 3, H, W].

    One channel is shown as grey, two as red and green, and of more than three the first three.
    """
    channels = images.shape[-3]
    if channels == 1:
        return images.expand(*images.shape[:-3], 3, *images.shape[-2:])
    if channels == 2:
        return torch.cat([images, torch.zeros_like(images[..., :1, :, :])], dim=-3)
    return images[..., :3, :, :]


def save_picture(picture: Image.Image, path: str | Path) -> None:
    """Write a picture as PNG."""
    file = io.BytesIO()
    picture.save(file, 'png')
    write_whole(path, file.getvalue())
