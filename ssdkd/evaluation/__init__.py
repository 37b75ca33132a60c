"""Metrics for mmengine's val and test loops, and metrics without labels."""

from ssdkd.evaluation.accuracy import Accuracy
from ssdkd.evaluation.agreement import AgreementMeter

__all__ = ['Accuracy', 'AgreementMeter']
