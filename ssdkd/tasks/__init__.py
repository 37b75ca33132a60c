"""Tasks: class, confidence and divergence for a type of network output."""

from ssdkd.tasks.base import BaseTask, TaskOutput
from ssdkd.tasks.binary import BinaryClassification
from ssdkd.tasks.classification import Classification, kl_divergence
from ssdkd.tasks.multi_label import MultiLabelClassification
from ssdkd.tasks.segmentation import Segmentation

__all__ = [
    'BaseTask',
    'BinaryClassification',
    'Classification',
    'MultiLabelClassification',
    'Segmentation',
    'TaskOutput',
    'kl_divergence',
]
