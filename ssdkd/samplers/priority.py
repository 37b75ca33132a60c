"""Priority sampling."""

import torch
from torch import Tensor

from ssdkd.buffers.base import BaseBuffer
from ssdkd.checks import check_bool, check_int, check_number
from ssdkd.deterministic import cumsum
from ssdkd.errors import ConfigError
from ssdkd.registry import SAMPLERS
from ssdkd.samplers.base import BaseSampler

# Slots per block of the two-level sum. A draw of n reads n blocks and M / BLOCK sums.
BLOCK = 64


@SAMPLERS.register_module()
class PrioritySampler(BaseSampler):
    """Draws slots in proportion to their priority, and corrects this by importance weights.

    Prioritised replay (Schaul et al. 2016, arXiv 1511.05952, section 3), as SSD-KD uses it
    (Liu et al., CVPR 2024, arXiv 2406.07876; docs/method.md, "Priority sampling")::

        delta_i = w_{i-1} * KL(teacher || student)           stored raw, in update
        P_i     = (|delta_i| + eps) ** alpha / sum of the same
        w_i     = (N * P_i) ** (-beta)                       stored raw, in sample

    Args:
        alpha (float): 0 is uniform, 1 proportional; in [0, 1]. Defaults to 0.6.
        beta (float): 0 corrects nothing, 1 all of the bias; in [0, 1]. Defaults to 0.4.
        beta_end (float | None): Where beta arrives; None keeps it constant.
        beta_steps (int | None): Number of draws from beta to ``beta_end``, at least 1.
        eps (float): Keeps samples without divergence in play, > 0. Defaults to 1e-6.
        normalize (bool): Return weights divided by their batch maximum, as Schaul et al.
            do; the stored ones stay raw. Defaults to True.

    Raises:
        ConfigError: An argument is out of its range, or ``beta_end`` and ``beta_steps`` are
            not given together.
    """

    def __init__(
        self,
        alpha: float = 0.6,
        beta: float = 0.4,
        beta_end: float | None = None,
        beta_steps: int | None = None,
        eps: float = 1e-6,
        normalize: bool = True,
    ):
        check_number(self, '[0, 1]', alpha=alpha, beta=beta)
        check_number(self, '[0, 1]', optional=True, beta_end=beta_end)
        check_number(self, '(0, inf)', eps=eps)
        check_int(self, 1, optional=True, beta_steps=beta_steps)
        check_bool(self, normalize=normalize)
        if (beta_end is None) != (beta_steps is None):
            raise ConfigError(
                f'PrioritySampler: beta_end={beta_end} and beta_steps={beta_steps} must be '
                'given together'
            )
        self.alpha, self.eps, self.normalize = alpha, eps, normalize
        self.beta_start, self.beta_end, self.beta_steps = beta, beta_end, beta_steps
        self.draws = 0
        # The two-level sum, and the column and versions it was built from. It is in no
        # checkpoint: every round extends the buffer before it draws, so a resumed run
        # rebuilds it at the same point as an uninterrupted one.
        self._masses = self._sums = self._column = self._versions = None

    @property
    def beta(self) -> float:
        """The exponent of the next draw's weights."""
        if self.beta_end is None:
            return self.beta_start
        progress = min(self.draws / self.beta_steps, 1)
        return self.beta_start + (self.beta_end - self.beta_start) * progress

    @torch.no_grad()
    def sample(self, buffer: BaseBuffer, n: int) -> tuple[Tensor, Tensor]:
        """Draw ``n`` slots with replacement -> indices [n] int64, weights [n] float > 0."""
        buffer.check_filled()
        if not self._is_current(buffer):
            self._rebuild(buffer)
        size, ends = len(buffer), cumsum(self._sums)
        # First the block in whose interval u falls, then the slot within it. Rounding can
        # put u at or past an end: that is the next slot, or, by the clamps, the last.
        u = buffer.rand(n) * ends[-1]
        block = torch.searchsorted(ends, u, right=True).clamp_(max=len(ends) - 1)
        rest = (u - (ends - self._sums)[block]).unsqueeze(1)
        inner = cumsum(self._masses[block])
        offset = torch.searchsorted(inner, rest, right=True).squeeze(1)
        indices = (block * BLOCK + offset).clamp_(max=size - 1)

        # In a distributed run each process draws equally often from its own size slots, so
        # slot i of R processes has probability p_i / (R * total) among R * size slots:
        # R cancels, and the local formula is exact.
        ratio = self._masses.view(-1)[indices] * size / ends[-1]
        weights = ratio.pow_(-self.beta).float()
        buffer.columns['weight'][indices] = weights
        buffer.count_use(indices)
        self.draws += 1
        return indices, weights / weights.max() if self.normalize else weights

    @torch.no_grad()
    def update(self, buffer: BaseBuffer, indices: Tensor, divergence: Tensor) -> None:
        """Store ``|w * divergence|`` as the priority of the slots just drawn.

        Args:
            indices: [n] int64, as :meth:`sample` returned them.
            divergence: [n], per-sample divergence of teacher and student.
        """
        indices = indices.to(buffer.device)
        weights = buffer.columns['weight'][indices]
        current = self._is_current(buffer)
        buffer.set_priority(indices, weights * divergence.to(weights))
        if current:  # and stays so with these blocks alone
            self._versions = (buffer.version, buffer.priority_version)
            # A touched block is summed again, not adjusted, so that no error accumulates.
            self._masses.view(-1)[indices] = self._mass(buffer.columns['priority'][indices])
            block = indices // BLOCK
            self._sums[block] = self._masses[block].sum(1)

    def state_dict(self) -> dict:
        """The number of draws so far, on which beta depends."""
        return dict(draws=self.draws)

    def load_state_dict(self, state: dict) -> None:
        """Continue at the saved number of draws."""
        self.draws = state['draws']

    def _mass(self, priority: Tensor) -> Tensor:
        """(priority + eps) ** alpha, the only place where a priority is transformed."""
        return (priority.double() + self.eps).pow_(self.alpha)

    def _is_current(self, buffer: BaseBuffer) -> bool:
        """Whether the sums are those of this buffer's present samples and priorities."""
        versions = (buffer.version, buffer.priority_version)
        return self._column is buffer.columns['priority'] and self._versions == versions

    def _rebuild(self, buffer: BaseBuffer) -> None:
        """Sum all filled slots: masses [B, BLOCK] and their sums [B], in float64."""
        size = len(buffer)
        self._column = buffer.columns['priority']
        self._versions = (buffer.version, buffer.priority_version)
        self._masses = self._column.new_zeros(-(-size // BLOCK), BLOCK, dtype=torch.float64)
        self._masses.view(-1)[:size] = self._mass(self._column[:size])
        self._sums = self._masses.sum(1)
