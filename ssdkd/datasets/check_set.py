"""Checks of a labelled data set, before training."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch.utils.data import Dataset

from ssdkd.datasets.class_names import check_classes
from ssdkd.datasets.files import DECODED_AT_START, decode_coarsely, naming
from ssdkd.datasets.sources import is_image
from ssdkd.errors import ConfigError

ORIENTATION = 0x0112  # of EXIF; from 5 on, width and height are exchanged


def check_set(
    dataset: Dataset, key: str, num_classes: int, trained: Sequence[str] | None = None
) -> None:
    """Check the classes of a data set, and that its images can be decoded.

    Images are checked by the data set's method ``check()`` if it has one, and those of mmseg's
    data sets here: up to 1,000 are decoded, of more only the headers are read.

    Args:
        dataset: The data set.
        key: Config key of its dataloader, for the message.
        num_classes: The network's number of outputs.
        trained: Class names in the order of the outputs, if they are known.

    Raises:
        ConfigError: Classes or labels are not the network's, an image or label map cannot be
            decoded, or the two differ in size.
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
