"""Metrics for mmengine's val and test loops."""

from ssdkd.evaluation.accuracy import Accuracy

__all__ = ['Accuracy']
