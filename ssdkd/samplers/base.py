"""The contract of a sampler."""

from abc import ABC, abstractmethod

from torch import Tensor

from ssdkd.buffers.base import BaseBuffer


class BaseSampler(ABC):
    """Chooses the slots of a student step, and their weights.

    Of a buffer it changes the columns ``priority``, ``weight`` and ``uses``, nothing else.
    """

    @abstractmethod
    def sample(self, buffer: BaseBuffer, n: int) -> tuple[Tensor, Tensor]:
        """Draw ``n`` filled slots.

        Call ``buffer.check_filled()`` first and ``buffer.count_use(indices)`` last, and
        draw with ``buffer.rng`` alone, or a resumed run will differ.

        Returns:
            tuple: indices [n] int64, importance weights [n] float, on the buffer's device.
        """

    def update(  # noqa: B027  (optional, not forgotten)
        self, buffer: BaseBuffer, indices: Tensor, divergence: Tensor
    ) -> None:
        """Use the student's divergence on the slots just drawn (default: do nothing).

        Args:
            indices: [n] int64, as :meth:`sample` returned them.
            divergence: [n], per-sample divergence of teacher and student, no gradient. Half
                precision may make one infinite or NaN; ``buffer.set_priority`` passes over it.
        """

    def state_dict(self) -> dict:
        """State of the sampler beyond the buffer's columns (default: none)."""
        return {}

    def load_state_dict(self, state: dict) -> None:  # noqa: B027
        """Load what :meth:`state_dict` returned."""

    def deal(self, states: list[dict]) -> dict:
        """State to continue with after the samples were distributed to other slots.

        A run that goes on with another number of processes asks for it, see
        :meth:`BaseBuffer.deal`. What refers to slots must be left out; the rest, such as the
        number of draws, is by default that of the first process.

        Args:
            states (list[dict]): What :meth:`state_dict` returned in each process, by rank.

        Returns:
            dict: For :meth:`load_state_dict`, the same in all processes.
        """
        return states[0]
