"""Writer that overwrites random samples."""

from torch import Tensor

from ssdkd.buffers.base import BaseBuffer, SampleBatch
from ssdkd.registry import WRITERS
from ssdkd.writers.base import BaseWriter


@WRITERS.register_module()
class RandomWriter(BaseWriter):
    """Overwrites filled slots at random, each equally likely.

    The age of a sample is then geometrically distributed, and the buffer keeps a thinning
    memory of all rounds: the baseline for the choice that Liu et al. (CVPR 2024,
    arXiv 2406.07876) leave open, which part of the buffer a round overwrites.
    """

    def evict(self, buffer: BaseBuffer, batch: SampleBatch, n: int) -> Tensor:
        """Choose ``n`` filled slots without replacement, with ``buffer.rng`` -> [n] int64."""
        return buffer.rand(len(buffer)).argsort()[:n]
