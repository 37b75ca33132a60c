"""Writer that overwrites the oldest samples."""

from torch import Tensor

from ssdkd.buffers.base import BaseBuffer, SampleBatch
from ssdkd.registry import WRITERS
from ssdkd.writers.base import BaseWriter


@WRITERS.register_module()
class OldestWriter(BaseWriter):
    """Overwrites the samples of the earliest rounds first.

    Within a round the lower slot goes first. No sample outlives M / N rounds of N samples,
    whatever its class or difficulty: the plain ring buffer of replay (Schaul et al. 2016,
    arXiv 1511.05952, section 4).
    """

    def evict(self, buffer: BaseBuffer, batch: SampleBatch, n: int) -> Tensor:
        """Choose the ``n`` slots with the smallest ``birth`` -> [n] int64."""
        birth = buffer.columns['birth'][: len(buffer)]
        return birth.argsort(stable=True)[:n]
