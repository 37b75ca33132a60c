"""Check of label maps against the classes of a segmentation task."""

from pathlib import Path

import numpy as np
from PIL import Image

from ssdkd.errors import ConfigError
from ssdkd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CheckLabels:
    """Step of an mmseg pipeline, after ``LoadAnnotations``: every label must be a class.

    mmseg's metrics pass over unknown labels silently, and its losses fail without the name of
    the file. ``LoadAnnotations`` keeps the lower 8 bits of a label map of 16 bits, so that the
    file of such a map is read once more.

    Args:
        num_classes (int): Labels are 0 ... num_classes - 1.
        ignore (int): The label that means "none of them". Defaults to 255.

    Raises:
        ConfigError: A label map holds anything else, has colours instead of class ids, or has
            not the size of its image; the message names file and labels.
    """

    def __init__(self, num_classes: int, ignore: int = 255):
        self.num_classes = num_classes
        self.ignore = ignore

    def __call__(self, results: dict) -> dict:
        labels, path = results['gt_seg_map'], results['seg_map_path']
        if labels.ndim != 2:
            raise ConfigError(
                f"'{path}' is a label map of shape {list(labels.shape)}; it must have one "
                'channel of class ids, not colours: convert it'
            )
        sizes = [results[key] for key in ('ori_shape', 'img_shape') if key in results]
        if sizes and labels.shape not in [tuple(size[:2]) for size in sizes]:
            raise ConfigError(
                f"'{path}' is a label map of {labels.shape[1]}x{labels.shape[0]} pixels, but "
                f'its image has {sizes[0][1]}x{sizes[0][0]}; make them equal'
            )
        self._refuse(path, labels, self._are_wrong(labels))
        deep = _deep_labels(path)
        if deep is not None:
            self._refuse(path, deep, (deep < 0) | (deep > 255) | (deep % 1 != 0))
        return results

    def _are_wrong(self, labels: np.ndarray) -> np.ndarray:
        wrong = (labels < 0) | (labels >= self.num_classes)
        if labels.dtype.kind == 'f':
            wrong |= labels % 1 != 0
        return wrong & (labels != self.ignore)

    def _refuse(self, path: str, labels: np.ndarray, wrong: np.ndarray) -> None:
        if wrong.any():
            found = ', '.join(map(str, np.unique(labels[wrong])[:5]))
            raise ConfigError(
                f"'{path}' holds label {found}, but there are "
                f'{self.num_classes} classes (0 ... {self.num_classes - 1}; {self.ignore} is '
                'ignored); convert the label maps, or correct the number of classes'
            )


def _deep_labels(path: str) -> np.ndarray | None:
    """The labels in a local file of more than 8 bits per pixel, otherwise None."""
    if not str(path).lower().endswith(('.png', '.tif', '.tiff')) or not Path(path).is_file():
        return None
    with Image.open(path) as image:
        return np.asarray(image) if image.mode.startswith(('I', 'F')) else None
