"""Checks of a labelled data set, before training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from ssdkd.datasets.check_labels import CheckLabels
from ssdkd.datasets.class_names import check_classes
from ssdkd.datasets.files import DECODED_AT_START, decode_coarsely, naming
from ssdkd.datasets.occurrences import Occurrences
from ssdkd.datasets.sources import is_image
from ssdkd.errors import ConfigError
from ssdkd.mmseg import has_own_steps, has_step

MAPS_AT_START = 1000  # label maps that are read for their classes, of more a part
ORIENTATION = 0x0112  # of EXIF; from 5 on, width and height are exchanged


def check_set(
    dataset: Dataset, key: str, num_classes: int, trained: Sequence[str] | None = None
) -> list[str]:
    """Check the classes of a data set, and that its images can be decoded.

    Images are checked by the data set's method ``check()`` if it has one, and those of mmseg's
    data sets here: up to 1,000 are decoded, of more only the headers are read.

    Args:
        dataset: The data set.
        key: Config key of its dataloader, for the message.
        num_classes: The network's number of outputs.
        trained: Class names in the order of the outputs, if they are known.

    Returns:
        list[str]: A line on classes that never occur. Of more than 1,000 label maps, it tells
        of 1,000 that are evenly spread.

    Raises:
        ConfigError: Classes or labels are not the network's, an image or label map cannot be
            decoded, the two differ in size, a label map holds other labels, or masks of two
            classes hold 0 and 255. Nothing is said about label maps that an own step of the
            pipeline may translate.
    """
    check_classes(dataset, key, num_classes, trained)
    if hasattr(dataset, 'check'):
        dataset.check()
    elif hasattr(dataset, 'get_data_info'):
        decode = len(dataset) <= DECODED_AT_START
        for i in range(len(dataset)):
            info = dataset.get_data_info(i)
            _check_pair(info.get('img_path'), info.get('seg_map_path'), decode)
    dataset[0]  # what its own steps find
    counts, part = _occurrences(dataset, key, num_classes)
    return counts.findings(key, part) if counts.total else []


def _occurrences(dataset: Dataset, key: str, num_classes: int) -> tuple[Occurrences, str]:
    """The labels of a data set, none if they are not known without its images.

    Returns:
        tuple: The counts, and which part of the set they are of; empty: the whole.
    """
    counts = Occurrences(num_classes)
    # A data set may be a part on purpose, and then has fewer classes.
    labels = None if getattr(dataset, 'is_partial', False) else getattr(dataset, 'labels', None)
    if labels is not None:
        counts.add(np.asarray(labels), key)
    meaning = _meaning(dataset) if hasattr(dataset, 'get_data_info') else None
    if meaning is None:
        return counts, ''
    infos = [dataset.get_data_info(i) for i in _spread(len(dataset), MAPS_AT_START)]
    # Of label maps that mmseg also translates, nothing is said.
    if not all(info.get('seg_map_path') and not info.get('label_map') for info in infos):
        return counts, ''
    void, shifted, checked = meaning
    counts = Occurrences(num_classes, void, shifted)
    for info in infos:
        path = info['seg_map_path']
        labels = _label_map(path)
        if labels is None:
            return Occurrences(num_classes), ''
        counts.add(labels, '' if checked else f"{key}: '{path}'")
    whole = len(infos) == len(dataset)
    return counts, '' if whole else f'{len(infos):,} of {len(dataset):,} label maps'


def _meaning(dataset: Dataset) -> tuple[int, bool, bool] | None:
    """What the labels in the files of a data set of mmseg mean.

    Returns:
        tuple: The label for void, whether ``reduce_zero_label`` shifts the others, and whether
        ``CheckLabels``, which may know another one for void, is in the pipeline. None if the
        set does not say it, its parts differ, or an own step may translate labels.
    """
    found = set()
    for part in _parts(dataset):
        says = hasattr(part, 'ignore_index') and hasattr(part, 'reduce_zero_label')
        if not says or has_own_steps(part):
            return None
        found.add((part.ignore_index, part.reduce_zero_label, has_step(part, CheckLabels)))
    return found.pop() if len(found) == 1 else None


def _parts(dataset: Dataset) -> list[Dataset]:
    """The data sets in mmengine's ``ConcatDataset`` or ``RepeatDataset``, or the set itself."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner[0] is None:
        return [dataset]
    return [part for one in inner for part in _parts(one)]


def _spread(total: int, most: int) -> list[int]:
    """Up to ``most`` of the indices below ``total``, evenly spread from first to last."""
    return np.linspace(0, total - 1, min(total, most)).round().astype(int).tolist()


def _label_map(path: str) -> np.ndarray | None:
    """A local label map of integers, otherwise None."""
    if '://' in path or not is_image(path):
        return None
    with Image.open(path) as image:
        labels = np.asarray(image)
    labels = labels.astype(np.uint8) if labels.dtype == bool else labels
    return labels if labels.dtype.kind in 'ui' and labels.ndim == 2 else None


def _check_pair(image: str | None, labels: str | None, decode: bool) -> None:
    sizes = [_size(path, decode) for path in (image, labels)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise ConfigError(
            f"'{labels}' is a label map of {sizes[1][0]}x{sizes[1][1]} pixels, but its image "
            f"'{image}' has {sizes[0][0]}x{sizes[0][1]}; make them equal"
        )


def _size(path: str | None, decode: bool) -> tuple[int, int] | None:
    """(W, H) as mmseg reads it; None for what is no local file of a usual format."""
    if path is None or '://' in path or not is_image(path) or path.endswith('.npy'):
        return None
    with naming(f"'{Path(path)}'"), Image.open(path) as image:
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        size = image.size[::-1] if turned else image.size
        if decode:
            decode_coarsely(image)
        return size
