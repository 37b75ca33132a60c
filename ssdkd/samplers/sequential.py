"""Sequential sampling: every sample once, in random order."""

import torch
from torch import Tensor

from ssdkd.buffers.base import BaseBuffer
from ssdkd.registry import SAMPLERS
from ssdkd.samplers.base import BaseSampler


@SAMPLERS.register_module()
class SequentialSampler(BaseSampler):
    """Draws the filled slots in shuffled passes: each slot once per pass, with weight 1.

    The passes of an ordinary epoch of training (sampling without replacement). A pass that
    ends within a draw is followed by the next one; writing to the buffer ends a pass early.
    Over a :class:`FreshBuffer` that holds as many samples as a round's student steps use,
    every step gets samples that no other step gets: what methods without a sample store,
    such as DAFL (Chen et al. 2019, arXiv 1904.01186), do.

    It keeps the priorities up to date without using them, as :class:`UniformSampler` does.
    """

    def __init__(self):
        self._order = torch.zeros(0, dtype=torch.int64)  # slots of this pass
        self._next = 0  # place of the first one that is not dealt yet
        self._version = -1  # of the buffer that the pass goes through

    @torch.no_grad()
    def sample(self, buffer: BaseBuffer, n: int) -> tuple[Tensor, Tensor]:
        """Draw ``n`` slots -> indices [n] int64, ones [n]."""
        buffer.check_filled()
        if self._version != buffer.version:
            self._shuffle(buffer)
        self._order = self._order.to(buffer.device)  # a checkpoint may have moved it
        dealt = [self._deal(n)]
        while (missing := n - sum(map(len, dealt))) > 0:
            self._shuffle(buffer)
            dealt.append(self._deal(missing))
        indices = torch.cat(dealt)
        buffer.count_use(indices)
        return indices, torch.ones(n, device=buffer.device)

    @torch.no_grad()
    def update(self, buffer: BaseBuffer, indices: Tensor, divergence: Tensor) -> None:
        """Store the divergence [n] as the priority of ``indices`` [n]."""
        buffer.set_priority(indices.to(buffer.device), divergence)

    def state_dict(self) -> dict:
        """The remaining slots of the pass."""
        return dict(order=self._order[self._next :].clone(), version=self._version)

    def load_state_dict(self, state: dict) -> None:
        """Continue with a saved pass."""
        self._order, self._next, self._version = state['order'], 0, state['version']

    def deal(self, states: list[dict]) -> dict:
        """A new pass, because the old slots hold other samples now."""
        return dict(order=torch.zeros(0, dtype=torch.int64), version=-1)

    def _shuffle(self, buffer: BaseBuffer) -> None:
        self._order = buffer.rand(len(buffer)).argsort()
        self._next, self._version = 0, buffer.version

    def _deal(self, n: int) -> Tensor:
        dealt = self._order[self._next : self._next + n]
        self._next += len(dealt)
        return dealt
