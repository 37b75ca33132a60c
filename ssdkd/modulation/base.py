"""The contract of a modulating function."""

from abc import ABC, abstractmethod

from torch import Tensor

from ssdkd.buffers.base import BaseBuffer
from ssdkd.tasks.base import TaskOutput


class BaseModulation(ABC):
    """Weighs samples by what the teacher says of them and by what the buffer holds.

    The weights multiply per-sample inversion losses, where such a loss asks for it, and the
    student's loss. A modulating function draws nothing and changes nothing.

    Attributes:
        active: False if all weights are 1, whatever the sample: then nothing is computed.
        needs_counts: Whether it reads ``buffer.class_counts``, which not every buffer has.
        temperature: Divides the teacher's logits before the task reads them.
    """

    active: bool = True
    needs_counts: bool = False
    temperature: float = 1.0

    @abstractmethod
    def __call__(self, output: TaskOutput, buffer: BaseBuffer) -> Tensor:
        """Weigh a batch.

        Args:
            output: What the task reads in the teacher's logits.
            buffer: The samples so far; empty at first.

        Returns:
            Tensor: [N], at least 0, without gradient.
        """
