"""Images whose labels are in a json file."""

import json
from pathlib import Path

from torch.utils.data import Dataset

from ssdkd.datasets.files import ImageFiles, resize_and_crop
from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS


@DATASETS.register_module()
class LabelledImages(Dataset):
    """Images of a folder, or of the archive ``root.tar``, labelled by a json file.

    Decoded on access with ImageNet's usual evaluation transform: resize, then centre crop.
    The file knows no class names, so that ``metainfo['classes']`` are the indices as text,
    up to the largest one.

    Args:
        root (str): Folder of images; where there is none, ``root + '.tar'``.
        labels (str): json file, ``{file name below root: class index}``. Images that it does
            not name are left out.
        image_size (int): Side of the centre crop. Defaults to 224.
        resize (int): Length of the shorter side before the crop (bicubic). Defaults to 256.

    Raises:
        ConfigError: Images or labels are missing, a label has no image, or is not an integer
            of 0 or more.
    """

    is_partial = True  # it may have fewer classes than the network

    def __init__(self, root: str, labels: str, image_size: int = 224, resize: int = 256):
        self.root = root
        self.files = ImageFiles(root)
        table = _read_labels(labels)
        lost = sorted(table.keys() - set(self.files.names))
        if lost:
            raise ConfigError(
                f"LabelledImages: key 'labels' is '{labels}', which names {len(lost)} images "
                f"that are not in '{root}' ({lost[0]}, ...); correct one of the two paths"
            )
        self.names = sorted(table)
        self.labels = [table[name] for name in self.names]
        self.metainfo = dict(classes=tuple(str(i) for i in range(max(self.labels) + 1)))
        self.image_size = image_size
        self.resize = resize

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        image = self.files.open(self.names[index])
        image = resize_and_crop(image, self.resize, self.image_size)
        return dict(inputs=image, data_samples=self.labels[index])

    def check(self) -> None:
        """Find broken images before training; see :class:`ImageFiles`.

        Raises:
            ConfigError: An image cannot be decoded; the message names it.
        """
        self.files.check(self.names)


def _read_labels(path: str) -> dict[str, int]:
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
    wrong = [name for name, label in table.items() if type(label) is not int or label < 0]
    if wrong:
        raise ConfigError(
            f"LabelledImages: key 'labels' is '{path}', which gives '{wrong[0]}' the label "
            f'{json.dumps(table[wrong[0]])} (and {len(wrong) - 1} more are wrong); a label is '
            'a class index, an integer from 0'
        )
    return table


def _without_repetition(pairs: list[tuple[str, int]]) -> dict[str, int]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError('it names an image twice')
    return table
