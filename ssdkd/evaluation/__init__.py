"""Metrics for mmengine's val and test loops, and metrics without labels."""

from ssdkd.evaluation.accuracy import Accuracy
from ssdkd.evaluation.agreement import AgreementMeter
from ssdkd.evaluation.multi_label import MultiLabelScores

__all__ = ['Accuracy', 'AgreementMeter', 'MultiLabelScores']
