"""Samplers: the choice of slots for a student step, and their weights."""

from ssdkd.samplers.base import BaseSampler
from ssdkd.samplers.priority import PrioritySampler
from ssdkd.samplers.sequential import SequentialSampler
from ssdkd.samplers.uniform import UniformSampler

__all__ = ['BaseSampler', 'PrioritySampler', 'SequentialSampler', 'UniformSampler']
