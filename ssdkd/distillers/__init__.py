"""The algorithm: teacher, student, synthesizer, buffer and sampler in one model."""

from ssdkd.distillers.replay import ReplayDistiller

__all__ = ['ReplayDistiller']
