"""Labelled images to evaluate on, and to train teachers with; distillation needs none."""

from ssdkd.datasets.augment import random_crop_flip, to_unit_range
from ssdkd.datasets.digits import Digits

__all__ = ['Digits', 'random_crop_flip', 'to_unit_range']
