"""Refuse label maps that a segmentation task cannot mean."""

import numpy as np

from ssdkd.errors import ConfigError
from ssdkd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CheckLabels:
    """Step of an mmseg pipeline, after ``LoadAnnotations``: every label must be a class.

    mmseg's metrics pass over unknown labels silently, and its losses fail without the name of
    the file.

    Args:
        num_classes (int): Labels are 0 ... num_classes - 1.
        ignore (int): The label that means "none of them". Defaults to 255.

    Raises:
        ConfigError: A label map holds anything else; the message names file and labels.
    """

    def __init__(self, num_classes: int, ignore: int = 255):
        self.num_classes = num_classes
        self.ignore = ignore

    def __call__(self, results: dict) -> dict:
        labels = results['gt_seg_map']
        wrong = labels[(labels >= self.num_classes) & (labels != self.ignore)]
        if wrong.size:
            found = ', '.join(map(str, np.unique(wrong)[:5]))
            raise ConfigError(
                f"'{results['seg_map_path']}' holds label {found}, but there are "
                f'{self.num_classes} classes (0 ... {self.num_classes - 1}; {self.ignore} is '
                'ignored); convert the label maps, or correct the number of classes'
            )
        return results
