"""CIFAR-10 and CIFAR-100."""

import torch
import torchvision
from torch.utils.data import Dataset

from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS, nearest

SOURCES = {
    'cifar10': ('CIFAR10', 'cifar-10-python.tar.gz'),
    'cifar100': ('CIFAR100', 'cifar-100-python.tar.gz'),
}


@DATASETS.register_module()
class Cifar(Dataset):
    """CIFAR-10 or CIFAR-100 of 32x32 images, kept in memory.

    `Learning Multiple Layers of Features from Tiny Images
    <https://www.cs.toronto.edu/~kriz/cifar.html>`_.

    Args:
        root (str): Folder that holds the archive of that page, or its unpacked folder.
        name (str): ``'cifar10'`` or ``'cifar100'``. Defaults to ``'cifar10'``.
        split (str): ``'train'`` (50,000) or ``'val'`` (10,000). Defaults to ``'train'``.
        download (bool): Download what is missing. Defaults to True.

    Raises:
        ConfigError: ``name`` or ``split`` is unknown, or the files are not there and cannot be
            downloaded.
    """

    def __init__(
        self, root: str, name: str = 'cifar10', split: str = 'train', download: bool = True
    ):
        if name not in SOURCES:
            raise ConfigError(f"Cifar: unknown name '{name}'" + nearest(name, list(SOURCES)))
        if split not in ('train', 'val'):
            raise ConfigError(f"Cifar: key 'split' is '{split}'; it must be 'train' or 'val'")
        class_name, archive = SOURCES[name]
        source = getattr(torchvision.datasets, class_name)
        try:
            data = source(root, train=split == 'train', download=download)
        except (OSError, RuntimeError) as error:
            reason = ' '.join(str(error).split())
            raise ConfigError(
                f"Cifar: key 'root' is '{root}', which does not hold {name}, and the download "
                f'failed ({reason}); put {archive} of '
                'https://www.cs.toronto.edu/~kriz/cifar.html there and unpack it'
            ) from error
        self.images = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
        self.labels = list(data.targets)
        self.metainfo = dict(classes=tuple(data.classes))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=self.images[index], data_samples=self.labels[index])
