"""Handwritten digits that come with scikit-learn: a benchmark without any download."""

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset

from ssdkd.checks import check_int
from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS


@DATASETS.register_module()
class Digits(Dataset):
    """The 1,797 handwritten digits of scikit-learn, kept in memory.

    The 8x8 originals (values 0 to 16) are resized bilinearly. The split is stratified and
    always the same: 1,437 images to train a teacher, 360 to evaluate. Source: `Optical
    Recognition of Handwritten Digits <https://doi.org/10.24432/C50P49>`_.

    Args:
        split (str): ``'train'`` or ``'val'``. Defaults to ``'train'``.
        image_size (int): Side of the images in pixels. Defaults to 32.
        channels (int): 1, or 3 equal ones. Defaults to 3.

    Raises:
        ConfigError: ``split`` is neither, or ``image_size`` is not positive.
    """

    def __init__(self, split: str = 'train', image_size: int = 32, channels: int = 3):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        if split not in ('train', 'val'):
            raise ConfigError(f"Digits: key 'split' is '{split}'; it must be 'train' or 'val'")
        check_int(self, 1, image_size=image_size, channels=channels)
        digits = load_digits()
        train, val = train_test_split(
            np.arange(len(digits.target)),
            test_size=360,
            stratify=digits.target,
            random_state=0,
        )
        chosen = np.sort(train if split == 'train' else val)
        images = torch.from_numpy(digits.images[chosen]).float()[:, None] * (255 / 16)
        images = F.interpolate(images, size=(image_size, image_size), mode='bilinear')
        self.images = images.round().byte().expand(-1, channels, -1, -1).contiguous()
        self.labels = digits.target[chosen].tolist()
        self.metainfo = dict(classes=tuple(str(digit) for digit in range(10)))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=self.images[index], data_samples=self.labels[index])
