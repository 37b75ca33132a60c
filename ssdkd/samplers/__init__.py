"""Which slots the student sees, and with what weight."""

from ssdkd.samplers.base import BaseSampler
from ssdkd.samplers.priority import PrioritySampler
from ssdkd.samplers.sequential import SequentialSampler
from ssdkd.samplers.uniform import UniformSampler

__all__ = ['BaseSampler', 'PrioritySampler', 'SequentialSampler', 'UniformSampler']
