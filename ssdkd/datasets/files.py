"""Reading images from a folder, or from a tar archive in its place."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from ssdkd.datasets.sources import SUFFIXES, Archive, Folder, is_image, walk
from ssdkd.errors import ConfigError

# Up to so many images are decoded before training, of more only the headers are read.
DECODED_AT_START = 1000


class ImageFiles:
    """The image files below ``root``, or inside ``root + '.tar'``, which is not unpacked.

    Members of the archive may begin with the folder's own name: ``val.tar`` holds
    ``val/cat/1.jpg`` or ``cat/1.jpg``. Links to files and folders count as what they lead to;
    those of an archive lead to its other members. Hidden files and folders, and those that
    systems leave behind (``.ipynb_checkpoints``, ``._1.jpg``, ``__MACOSX``), do not count.

    Args:
        root (str): The folder.

    Raises:
        ConfigError: Neither the folder nor the archive is there, it holds no images, a link
            leads nowhere, or the archive is damaged or compressed.
    """

    def __init__(self, root: str):
        folder = Path(root).expanduser()
        archive = folder.with_name(folder.name + '.tar')
        if folder.is_dir():
            self._source = Folder(folder)
        elif archive.is_file():
            self._source = Archive(archive, folder.name)
        else:
            raise ConfigError(
                f"dataset: key 'root' is '{root}', where there is neither a folder nor the "
                f"archive '{archive}'; put one of them there, or correct the path"
            )
        self.folders, files = walk(self._source)
        self.names = [n for n in files if is_image(n)]
        if not self.names:
            raise ConfigError(
                f"dataset: key 'root' is '{root}', which holds no images "
                f'({", ".join(SUFFIXES)}); choose the folder above them'
            )

    def open(self, name: str, channels: int = 3) -> Image.Image | Tensor:
        """Decode one of ``names``.

        Args:
            name: The name.
            channels: 3 for RGB, as :func:`to_rgb` says, or 1 for grey made of it. Other numbers
                are read from arrays [H, W, C] of uint8, as ``numpy.save`` writes them.

        Returns:
            Image.Image | Tensor: An image of PIL, or uint8 [C, H, W] of an array.

        Raises:
            ConfigError: It cannot be decoded, or has another number of channels; the message
                names the file.
        """
        if name.endswith('.npy'):
            return self._array(name, channels)
        if channels not in (1, 3):
            raise ConfigError(
                f'dataset: {self._source.describe(name)} has at most 3 channels, but '
                f'channels={channels}; save such images as arrays [H, W, {channels}] of uint8, '
                'numpy.save(file.npy)'
            )
        with self._image(name) as image:
            return to_channels(image, channels)

    def check(self, names: Sequence[str]) -> None:
        """Raise a ``ConfigError`` that names the first of ``names`` that cannot be decoded.

        More than 1,000 images are not decoded for that: their headers alone are read, so that
        a truncated one may still turn up later.
        """
        for name in names:
            if name.endswith('.npy'):
                continue  # they are read when they are used
            with self._image(name) as image:
                if len(names) <= DECODED_AT_START:
                    decode_coarsely(image)

    def _array(self, name: str, channels: int) -> Tensor:
        place = self._source.describe(name)
        with naming(place), self._source.open(name) as file:
            array = np.load(io.BytesIO(file.read()), allow_pickle=False)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != channels:
            raise ConfigError(
                f'dataset: {place} is an array {list(array.shape)} of {array.dtype}; it must '
                f'be [H, W, {channels}] of uint8, or channels another number'
            )
        return torch.from_numpy(array).permute(2, 0, 1).contiguous()

    @contextmanager
    def _image(self, name: str) -> Iterator[Image.Image]:
        with naming(self._source.describe(name)):
            with self._source.open(name) as file, Image.open(file) as image:
                yield image


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Turn whatever is raised inside into a ``ConfigError`` that names an image file."""
    try:
        yield
    except Exception as error:  # Garbage makes a decoder fail in every possible way.
        reason = re.sub(' <_io.*>', '', f'{type(error).__name__}: {error}')
        raise ConfigError(
            f'dataset: {file} cannot be decoded ({reason}); replace or remove it'
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """An image of any kind as 8-bit RGB.

    As torchvision's and timm's loaders do it: transparency is dropped, grey, black-and-white,
    palette and CMYK images are converted by PIL, and an orientation in the EXIF data is not
    applied. Unlike there, 16-bit grey keeps its 8 upper bits, as PIL does with 16-bit colour,
    instead of turning white above 255.

    Raises:
        ValueError: The pixels have more than 16 bits, or are floats.
    """
    if image.mode == 'I' or image.mode.startswith('I;16'):
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() >= 2**16:
            raise ValueError('pixels of more than 16 bits')
        return Image.fromarray((pixels >> 8).astype(np.uint8)).convert('RGB')
    if image.mode == 'F':
        raise ValueError('float pixels, whose range is not known')
    if image.mode == 'P' and 'transparency' in image.info:
        image = image.convert('RGBA')  # without a warning to the same colours
    return image.convert('RGB')


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """An image of any kind with 8 bits per channel.

    Args:
        image: The image.
        channels: 1 for grey and 3 for RGB, as :func:`to_rgb` says. For other numbers, an image
            that has as many keeps all of them, such as transparency; the others become RGB.

    Raises:
        ValueError: As of :func:`to_rgb`.
    """
    if channels == 1:
        return to_rgb(image).convert('L')
    if channels == 3:
        return to_rgb(image)
    if image.mode == 'PA' or (image.mode == 'P' and 'transparency' in image.info):
        image = image.convert('RGBA')
    return image if len(image.getbands()) == channels else to_rgb(image)


def decode_coarsely(image: Image.Image) -> None:
    """Decode all data of an image, a JPEG in an eighth of its size to save time."""
    image.draft(None, (1, 1))
    image.load()


def resize_and_crop(
    image: Image.Image | Tensor, resize: int | None, image_size: int | None
) -> Tensor:
    """Resize the shorter side (bicubic), crop the centre; None leaves a step out.

    Returns:
        Tensor: uint8 [C, H, W].
    """
    if resize is not None:
        image = TF.resize(image, [resize], interpolation=InterpolationMode.BICUBIC)
    if image_size is not None:
        image = TF.center_crop(image, [image_size, image_size])
    return _as_tensor(image)


def cover_and_crop(image: Image.Image | Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (bicubic) until the image just covers (H, W), and crop the centre.

    Returns:
        Tensor: uint8 [C, H, W].
    """
    sides = TF.get_size(image)
    scale = max(s / side for s, side in zip(size, sides))
    shape = [max(s, round(scale * side)) for s, side in zip(size, sides)]
    image = TF.resize(image, shape, interpolation=InterpolationMode.BICUBIC)
    return _as_tensor(TF.center_crop(image, list(size)))


def _as_tensor(image: Image.Image | Tensor) -> Tensor:
    return (image if isinstance(image, Tensor) else TF.pil_to_tensor(image)).to(torch.uint8)
