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
    The file knows no class names, so that ``metainfo['classes']`` are the indices as text.

    Args:
        root (str): Folder of images; where there is none, ``root + '.tar'``.
        labels (str): json file, ``{file name below root: class index}``. Images that it does
            not name are left out.
        image_size (int): Side of the centre crop. Defaults to 224.
        resize (int): Length of the shorter side before the crop (bicubic). Defaults to 256.

    Raises:
        ConfigError: Images or labels are missing, or a label has no image.
    """

    def __init__(self, root: str, labels: str, image_size: int = 224, resize: int = 256):
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


def _read_labels(path: str) -> dict[str, int]:
    try:
        table = json.loads(Path(path).expanduser().read_text())
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
    return {name: int(label) for name, label in table.items()}
