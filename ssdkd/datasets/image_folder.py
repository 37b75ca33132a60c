"""Labelled images, one folder per class."""

from functools import cached_property

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ssdkd.checks import check_int
from ssdkd.datasets.class_names import compare_folders, read_classes
from ssdkd.datasets.files import ImageFiles, resize_and_crop
from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS


@DATASETS.register_module()
class ImageFolder(Dataset):
    """Images in ``root/class/file``, or in the archive ``root.tar`` read in place.

    Every folder of ``root`` is a class, in a folder and in an archive, and whether it
    holds images or not: an empty one keeps the numbers of the others. Hidden folders are none.
    Images of at most 64 pixels are decoded once, at first use, and kept in memory; larger ones
    are decoded on every access.

    Args:
        root (str): Folder with one folder per class; where there is none, ``root + '.tar'``.
            :class:`ImageFiles` says how links and hidden files are taken.
        image_size (int, optional): Side of the centre crop. Defaults to None: images as they
            are, which must then all have one size.
        resize (int, optional): Length of the shorter side before the crop (bicubic).
            Defaults to None: ``image_size``.
        classes (list[str] | dict[str, str] | str, optional): The folders in the order of the
            labels, all of them; as ``{folder: class name}`` where the classes are called
            otherwise; or a file that holds this: json, or text with one folder per line.
            Defaults to None: the folders in alphabetical order.
        channels (int): Channels of the images: 3 (RGB), 1 (grey) or, in files ``.npy``, any
            number. Defaults to 3.

    Raises:
        ConfigError: There are no images at ``root``, or its folders are not ``classes``.
    """

    def __init__(
        self,
        root: str,
        image_size: int | None = None,
        resize: int | None = None,
        classes: list[str] | dict[str, str] | str | None = None,
        channels: int = 3,
    ):
        check_int(self, 1, channels=channels)
        self.root = root
        self.files = ImageFiles(root)
        names = [name for name in self.files.names if '/' in name]
        if not names:
            raise ConfigError(
                f"ImageFolder: key 'root' is '{root}', whose images lie in no class folder; "
                'it must hold root/class/file'
            )
        self.names = names
        folders = [name for name in self.files.folders if '/' not in name]
        order = dict(zip(folders, folders)) if classes is None else read_classes(classes)
        compare_folders(folders, list(order), root)
        self.is_alphabetical = classes is None
        index = {name: i for i, name in enumerate(order)}
        self.labels = [index[name.split('/')[0]] for name in names]
        self.metainfo = dict(classes=tuple(order.values()))
        self.image_size = image_size
        self.channels = channels
        self.resize = image_size if resize is None else resize

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        image = self._images[index] if self._is_small else self._decode(self.names[index])
        return dict(inputs=image, data_samples=self.labels[index])

    def check(self) -> None:
        """Find broken images before training: decode small ones, see :class:`ImageFiles`.

        Raises:
            ConfigError: An image cannot be decoded; the message names it.
        """
        if self._is_small:
            len(self._images)
        else:
            self.files.check(self.names)

    @property
    def _is_small(self) -> bool:
        return self.image_size is not None and self.image_size <= 64

    @cached_property
    def _images(self) -> Tensor:
        return torch.stack([self._decode(name) for name in self.names])

    def _decode(self, name: str) -> Tensor:
        image = self.files.open(name, self.channels)
        return resize_and_crop(image, self.resize, self.image_size)
