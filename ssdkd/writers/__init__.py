"""Writers: the choice of slots that a new batch overwrites."""

from ssdkd.writers.base import BaseWriter
from ssdkd.writers.crowded import CrowdedWriter
from ssdkd.writers.oldest import OldestWriter
from ssdkd.writers.random import RandomWriter

__all__ = ['BaseWriter', 'CrowdedWriter', 'OldestWriter', 'RandomWriter']
