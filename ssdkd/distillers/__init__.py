"""The algorithm: teacher, student, synthesizer, buffer and sampler in one model."""

from ssdkd.distillers.ssdkd import SSDKD

__all__ = ['SSDKD']
