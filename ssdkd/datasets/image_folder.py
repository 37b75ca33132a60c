"""Labelled images in one folder a class."""

from functools import cached_property

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ssdkd.datasets.files import ImageFiles, resize_and_crop
from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS


@DATASETS.register_module()
class ImageFolder(Dataset):
    """Images in ``root/class/file``, or in the archive ``root.tar`` read in place.

    Classes are the folders in alphabetical order; outside of archives an empty one counts.
    Images of at most 64 pixels are decoded once, at first use, and kept in memory; larger ones
    are decoded on every access.

    Args:
        root (str): Folder with one folder a class; where there is none, ``root + '.tar'``.
        image_size (int, optional): Side of the centre crop. Defaults to None: images as they
            are, which must then all have one size.
        resize (int, optional): Length of the shorter side before the crop (bicubic).
            Defaults to None: ``image_size``.

    Raises:
        ConfigError: There are no images at ``root``.
    """

    def __init__(self, root: str, image_size: int | None = None, resize: int | None = None):
        self.files = ImageFiles(root)
        names = [name for name in self.files.names if '/' in name]
        if not names:
            raise ConfigError(
                f"ImageFolder: key 'root' is '{root}', whose images lie in no class folder; "
                'it must hold root/class/file'
            )
        self.names = names
        folders = [name.split('/')[0] for name in names]
        classes = sorted(set(folders) | set(self.files.empty_folders))
        index = {name: i for i, name in enumerate(classes)}
        self.labels = [index[folder] for folder in folders]
        self.metainfo = dict(classes=tuple(classes))
        self.image_size = image_size
        self.resize = image_size if resize is None else resize

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        small = self.image_size is not None and self.image_size <= 64
        image = self._images[index] if small else self._decode(self.names[index])
        return dict(inputs=image, data_samples=self.labels[index])

    @cached_property
    def _images(self) -> Tensor:
        return torch.stack([self._decode(name) for name in self.names])

    def _decode(self, name: str) -> Tensor:
        return resize_and_crop(self.files.open(name), self.resize, self.image_size)
