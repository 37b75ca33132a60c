"""Tasks: class, confidence and divergence for a type of network output."""

from ssdkd.tasks.base import BaseTask, TaskOutput
from ssdkd.tasks.classification import Classification, kl_divergence
from ssdkd.tasks.segmentation import Segmentation

__all__ = ['BaseTask', 'Classification', 'Segmentation', 'TaskOutput', 'kl_divergence']
