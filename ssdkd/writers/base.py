"""The contract of a writer."""

from abc import ABC, abstractmethod

from torch import Tensor

from ssdkd.buffers.base import BaseBuffer, SampleBatch


class BaseWriter(ABC):
    """Chooses the slots that a new batch overwrites.

    A writer keeps no memory of its own: it decides from the buffer's columns alone. While
    the buffer has free slots these are used first, in order; only the rest of the batch
    asks :meth:`evict`.
    """

    @abstractmethod
    def evict(self, buffer: BaseBuffer, batch: SampleBatch, n: int) -> Tensor:
        """Choose ``n`` distinct filled slots to overwrite.

        Args:
            buffer: As it is before the batch is written.
            batch: The whole incoming batch as it will be stored: every column of the
                buffer, in its dtype (``image`` as uint8), where that column lives.
            n: How many slots to give up, at most ``len(buffer)``.

        Returns:
            Tensor: [n] int64, on the buffer's device.
        """
