"""The contract of a modulating function."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ssdkd.buffers.base import BaseBuffer
from ssdkd.tasks.base import BaseTask, TaskOutput


class BaseModulation(ABC):
    """Weighs samples by the teacher's predictions and the contents of the buffer.

    The weights multiply per-sample inversion losses, where such a loss asks for it, and the
    student's loss. A modulating function draws nothing and changes nothing. Subclasses define
    :meth:`__call__`; who needs weights asks :meth:`weigh`.

    Attributes:
        active: False if all weights are 1, whatever the sample: then nothing is computed.
        needs_counts: Whether it reads ``buffer.class_counts``, which not every buffer has.
        temperature: Divides the teacher's logits before the task reads them; above 0.
    """

    active: bool = True
    needs_counts: bool = False
    temperature: float = 1.0

    def weigh(self, teacher_logits: Tensor, task: BaseTask, buffer: BaseBuffer) -> Tensor:
        """Weigh a batch by the teacher's logits [N, K] or [N, K, H, W].

        Args:
            teacher_logits: The teacher's logits.
            task: Reads class shares and confidence in them.
            buffer: The samples so far; empty at first.

        Returns:
            Tensor: [N], at least 0, without gradient; 1 where the function is not active.
        """
        if not self.active:
            return torch.ones(len(teacher_logits), device=teacher_logits.device)
        return self(task.classify(teacher_logits / self.temperature), buffer)

    @abstractmethod
    def __call__(self, output: TaskOutput, buffer: BaseBuffer) -> Tensor:
        """Weigh a batch.

        Args:
            output: What the task reads in the teacher's logits.
            buffer: The samples so far; empty at first.

        Returns:
            Tensor: [N], at least 0, without gradient.
        """
