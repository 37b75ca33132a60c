"""Labelled images for evaluation and for teachers; distillation needs none."""

from ssdkd.datasets.check_labels import CheckLabels
from ssdkd.datasets.check_set import check_set
from ssdkd.datasets.cifar import Cifar
from ssdkd.datasets.digits import Digits
from ssdkd.datasets.image_folder import ImageFolder
from ssdkd.datasets.labelled_images import LabelledImages

__all__ = [
    'CheckLabels',
    'Cifar',
    'Digits',
    'ImageFolder',
    'LabelledImages',
    'check_set',
]
