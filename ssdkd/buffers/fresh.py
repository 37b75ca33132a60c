"""Buffer of the current round's samples only."""

import torch
from torch import Tensor

from ssdkd.buffers.base import SampleBatch
from ssdkd.buffers.replay import ReplayBuffer
from ssdkd.registry import BUFFERS


@BUFFERS.register_module()
class FreshBuffer(ReplayBuffer):
    """Holds the latest round's batch and nothing else.

    For methods without a sample store, whose student sees each sample in one round only, such
    as DAFL (Chen et al. 2019, arXiv 1904.01186), ZSKT (Micaelli & Storkey 2019, arXiv
    1905.09768) and DFAD (Fang et al. 2019, arXiv 1912.11006). As large as all student steps
    of a round together, and drawn by a :class:`SequentialSampler`, it gives every step new
    samples.

    It asks no writer, and it wants nothing of the teacher: samples are stored without another
    pass of the teacher, so there are no class shares, no confidences and no class counts. A
    modulating function that counts classes does not work with it.

    Args: see :class:`ReplayBuffer`.
    """

    needs_facts = False
    needs_writer = False
    required = ('image',)

    @torch.no_grad()
    def extend(self, batch: SampleBatch, writer=None) -> Tensor:
        """Replace all stored samples by a batch.

        Args:
            batch: ``image`` [N, 3, H, W] float in [0, 1]; any other key [N, ...] becomes a
                column.
            writer: Not asked.

        Returns:
            Tensor: [N] int64, the slots ``0 .. N - 1``.

        Raises:
            ConfigError: N is larger than the capacity.
            ValueError: There is no ``image``, or the rows differ in number.
        """
        n = self._check(batch)
        self._move(batch['image'].device)
        self._allocate(batch)
        for name, rows in self._rows(batch, n).items():
            self.columns[name][:n] = rows
        self.size = n
        self.version += 1
        return torch.arange(n, device=self.device)
