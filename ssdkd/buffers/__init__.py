"""Where samples live: columns over M slots, and class counts."""

from ssdkd.buffers.base import BaseBuffer, SampleBatch
from ssdkd.buffers.growing import GrowingBuffer
from ssdkd.buffers.replay import ReplayBuffer

__all__ = ['BaseBuffer', 'GrowingBuffer', 'ReplayBuffer', 'SampleBatch']
