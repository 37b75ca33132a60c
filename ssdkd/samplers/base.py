"""The contract of a sampler."""

from abc import ABC, abstractmethod

from torch import Tensor

from ssdkd.buffers.base import BaseBuffer


class BaseSampler(ABC):
    """Chooses which slots the student sees, and with what weight."""

    @abstractmethod
    def sample(self, buffer: BaseBuffer, n: int) -> tuple[Tensor, Tensor]:
        """Draw ``n`` filled slots.

        Returns:
            tuple: indices [n] int64, importance weights [n] float.
        """

    def update(self, buffer: BaseBuffer, indices: Tensor, divergence: Tensor) -> None:
        """Learn how the student fared on the slots just drawn (nothing, by default).

        Args:
            indices: [n] int64, as :meth:`sample` returned them.
            divergence: [n], per-sample divergence of teacher and student, no gradient.
        """
