"""What 'class', 'confidence' and 'divergence' mean for a kind of network."""

from ssdkd.tasks.base import BaseTask, TaskOutput
from ssdkd.tasks.classification import Classification, kl_divergence
from ssdkd.tasks.segmentation import Segmentation

__all__ = ['BaseTask', 'Classification', 'Segmentation', 'TaskOutput', 'kl_divergence']
