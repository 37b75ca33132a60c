"""Reading images from a folder, or from a tar archive in its place."""

import io
import tarfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from ssdkd.errors import ConfigError

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


class ImageFiles:
    """The image files below ``root``, or inside ``root + '.tar'``, which is not unpacked.

    Members of the archive may begin with the folder's own name: ``val.tar`` holds
    ``val/cat/1.jpg`` or ``cat/1.jpg``.

    Args:
        root (str): The folder.

    Raises:
        ConfigError: Neither the folder nor the archive is there, or it holds no images.
    """

    def __init__(self, root: str):
        self.root = Path(root).expanduser()
        self.archive = self.root.with_name(self.root.name + '.tar')
        if self.root.is_dir():
            self._members = None
            files = (f for f in self.root.rglob('*') if f.is_file())
            names = [f.relative_to(self.root).as_posix() for f in files]
        elif self.archive.is_file():
            self._members = _index(self.archive, self.root.name)
            names = list(self._members)
        else:
            raise ConfigError(
                f"dataset: key 'root' is '{root}', where there is neither a folder nor the "
                f"archive '{self.archive}'; put one of them there, or correct the path"
            )
        self.names = sorted(n for n in names if n.lower().endswith(SUFFIXES))
        if not self.names:
            raise ConfigError(
                f"dataset: key 'root' is '{root}', which holds no images "
                f'({", ".join(SUFFIXES)}); choose the folder above them'
            )

    @property
    def empty_folders(self) -> list[str]:
        """Names of the empty folders in ``root``; those of an archive are not known."""
        if self._members is not None:
            return []
        return [d.name for d in self.root.iterdir() if d.is_dir() and not any(d.iterdir())]

    def open(self, name: str) -> Image.Image:
        """Decode one of ``names`` to RGB."""
        if self._members is None:
            return Image.open(self.root / name).convert('RGB')
        offset, size = self._members[name]
        # Opened for every read, so that any number of loader workers can share this object.
        with open(self.archive, 'rb') as archive:
            archive.seek(offset)
            return Image.open(io.BytesIO(archive.read(size))).convert('RGB')


def resize_and_crop(image: Image.Image, resize: int | None, image_size: int | None) -> Tensor:
    """Resize the shorter side (bicubic), crop the centre; None leaves a step out.

    Returns:
        Tensor: uint8 [3, H, W].
    """
    if resize is not None:
        image = TF.resize(image, [resize], interpolation=InterpolationMode.BICUBIC)
    if image_size is not None:
        image = TF.center_crop(image, [image_size, image_size])
    return TF.pil_to_tensor(image).to(torch.uint8)


def cover_and_crop(image: Image.Image, size: tuple[int, int]) -> Tensor:
    """Resize (bicubic) until the image just covers (H, W), and crop the centre.

    Returns:
        Tensor: uint8 [3, H, W].
    """
    scale = max(size[0] / image.height, size[1] / image.width)
    shape = [max(s, round(scale * side)) for s, side in zip(size, (image.height, image.width))]
    image = TF.resize(image, shape, interpolation=InterpolationMode.BICUBIC)
    return TF.pil_to_tensor(TF.center_crop(image, list(size))).to(torch.uint8)


def _index(archive: Path, folder: str) -> dict[str, tuple[int, int]]:
    """Where each file of a tar archive lies: name -> (offset, size)."""
    try:
        with tarfile.open(archive, 'r:') as tar:
            files = [m for m in tar.getmembers() if m.isfile()]
    except tarfile.TarError as error:
        raise ConfigError(
            f"dataset: key 'root' leads to '{archive}', which cannot be read ({error}); "
            'it must be an uncompressed tar file'
        ) from error
    members = {m.name.removeprefix('./'): (m.offset_data, m.size) for m in files}
    return {name.removeprefix(folder + '/'): place for name, place in members.items()}
