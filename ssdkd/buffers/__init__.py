"""Where samples live: columns over M slots, and class counts."""

from ssdkd.buffers.base import BaseBuffer, SampleBatch
from ssdkd.buffers.replay import ReplayBuffer

__all__ = ['BaseBuffer', 'ReplayBuffer', 'SampleBatch']
