"""Replay buffers: columns over M slots, and class counts."""

from ssdkd.buffers.base import ANSWER, FACTS, MANAGED, BaseBuffer, SampleBatch, rounded
from ssdkd.buffers.fresh import FreshBuffer
from ssdkd.buffers.growing import GrowingBuffer
from ssdkd.buffers.replay import ReplayBuffer
from ssdkd.buffers.stored import StoredSamples, read_samples

__all__ = [
    'ANSWER',
    'FACTS',
    'MANAGED',
    'BaseBuffer',
    'FreshBuffer',
    'GrowingBuffer',
    'ReplayBuffer',
    'SampleBatch',
    'StoredSamples',
    'read_samples',
    'rounded',
]
