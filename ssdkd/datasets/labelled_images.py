"""Images whose labels are in a json file."""

import json
import math
from pathlib import Path

import torch
from torch.utils.data import Dataset

from ssdkd.checks import check_int
from ssdkd.datasets.files import ImageFiles, resize_and_crop
from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS


@DATASETS.register_module()
class LabelledImages(Dataset):
    """Images of a folder, or of the archive ``root.tar``, labelled by a json file.

    Decoded on access with ImageNet's usual evaluation transform: resize, then centre crop.
    The file knows no class names, so that ``metainfo['classes']`` are the indices as text,
    up to the largest one.

    With ``num_labels`` an image may have several labels or none: the file gives a list of
    indices for each image, and the data set a 0 or a 1 for each label.

    Args:
        root (str): Folder of images; where there is none, ``root + '.tar'``.
        labels (str): json file, ``{file name below root: class index}``, or with
            ``num_labels`` ``{file name: [indices]}``. Images that it does not name are left
            out.
        image_size (int): Side of the centre crop. Defaults to 224.
        resize (int): Length of the shorter side before the crop (bicubic). Defaults to 256.
        num_labels (int, optional): Number of labels, of which an image may have several.
            Defaults to None: each image has one class.
        channels (int): Channels of the images: 3 (RGB), 1 (grey) or, in files ``.npy``, any
            number. Defaults to 3.

    Raises:
        ConfigError: Images or labels are missing, a label has no image, or is not an integer
            of 0 or more, below ``num_labels``.
    """

    is_partial = True  # it may have fewer classes than the network

    def __init__(
        self,
        root: str,
        labels: str,
        image_size: int = 224,
        resize: int = 256,
        num_labels: int | None = None,
        channels: int = 3,
    ):
        check_int(self, 1, channels=channels)
        check_int(self, 2, optional=True, num_labels=num_labels)
        self.root = root
        self.files = ImageFiles(root)
        table = _read_labels(labels, num_labels)
        lost = sorted(table.keys() - set(self.files.names))
        if lost:
            raise ConfigError(
                f"LabelledImages: key 'labels' is '{labels}', which names {len(lost)} images "
                f"that are not in '{root}' ({lost[0]}, ...); correct one of the two paths"
            )
        self.names = sorted(table)
        if num_labels is None:
            self.labels = [table[name] for name in self.names]
            classes = max(self.labels) + 1
        else:
            self.truths = torch.zeros(len(table), num_labels, dtype=torch.int64)
            for row, name in zip(self.truths, self.names):
                row[table[name]] = 1
            self.is_partial = False
            classes = num_labels
        self.num_labels = num_labels
        self.metainfo = dict(classes=tuple(map(str, range(classes))))
        self.image_size = image_size
        self.channels = channels
        self.resize = resize

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict:
        image = self.files.open(self.names[index], self.channels)
        image = resize_and_crop(image, self.resize, self.image_size)
        truths = self.labels if self.num_labels is None else self.truths
        return dict(inputs=image, data_samples=truths[index])

    def check(self) -> None:
        """Find broken images before training; see :class:`ImageFiles`.

        Raises:
            ConfigError: An image cannot be decoded; the message names it.
        """
        self.files.check(self.names)


def _read_labels(path: str, num_labels: int | None) -> dict[str, int | list[int]]:
    try:
        table = json.loads(
            Path(path).expanduser().read_text(), object_pairs_hook=_without_repetition
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"LabelledImages: key 'labels' is '{path}', which cannot be read ({error}); "
            'give a json file {file name: class index}'
        ) from error
    if not table or not isinstance(table, dict):
        raise ConfigError(
            f"LabelledImages: key 'labels' is '{path}', which holds no "
            '{file name: class index}'
        )
    if num_labels is None:
        wanted = 'a label is a class index, an integer from 0 (several labels: num_labels=)'
        wrong = [n for n, label in table.items() if not _is_index(label, math.inf)]
    else:
        wanted = f'give a list of integers from 0 to {num_labels - 1}, which may be empty'
        wrong = [
            n
            for n, labels in table.items()
            if not isinstance(labels, list) or not all(_is_index(k, num_labels) for k in labels)
        ]
    if wrong:
        raise ConfigError(
            f"LabelledImages: key 'labels' is '{path}', which gives '{wrong[0]}' the label "
            f'{json.dumps(table[wrong[0]])} (and {len(wrong) - 1} more are wrong); {wanted}'
        )
    return table


def _is_index(label: object, end: float) -> bool:
    return type(label) is int and 0 <= label < end


def _without_repetition(pairs: list[tuple[str, int]]) -> dict[str, int]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError('it names an image twice')
    return table
