"""Batch transforms, applied before the networks."""

from ssdkd.old_keys import accepts_old_keys
from ssdkd.transforms.augmentation import Augmentation
from ssdkd.transforms.base import BaseBatchTransform
from ssdkd.transforms.crop_flip import RandomCropFlip
from ssdkd.transforms.functional import to_unit_range
from ssdkd.transforms.light import RandomLight
from ssdkd.transforms.photo_colours import PhotoColours

__all__ = [
    'Augmentation',
    'BaseBatchTransform',
    'PhotoColours',
    'RandomCropFlip',
    'RandomLight',
    'accepts_old_keys',
    'to_unit_range',
]
