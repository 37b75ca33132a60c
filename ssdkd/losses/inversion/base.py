"""The contract of an inversion loss."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from ssdkd.checks import check_number
from ssdkd.tasks.base import BaseTask


@dataclass
class InversionState:
    """Inputs of the losses in one generator step.

    Attributes:
        images: [N, 3, H, W] in [0, 1], the synthetic batch, differentiable.
        targets: [N] int64, the classes that were asked for.
        teacher_logits: The teacher's answer, differentiable.
        student_logits: The student's answer, or None if no enabled loss needs it.
        task: What class and divergence mean.
    """

    images: Tensor
    targets: Tensor
    teacher_logits: Tensor
    student_logits: Tensor | None
    task: BaseTask


class BaseInversionLoss(nn.Module, ABC):
    """One term of the loss that a synthesizer minimises.

    ``forward(state)`` returns [N] (a per-sample term, each value from its own sample) or [] (a
    batch statistic), unweighted. A term that watches the teacher by hooks, which
    :meth:`attach` sets, reads its latest pass with gradients. What it remembers beyond a step
    is in buffers.

    Attributes:
        modulated: Per-sample terms only: whether the modulating function weighs the term
            (docs/method.md, "Choices").
        needs_student: Whether the term reads ``student_logits``. Such a term rests during
            the warm-up rounds, while the student knows nothing.

    Args:
        weight (float): Factor of this term in the sum, at least 0.

    Raises:
        ConfigError: ``weight`` is no such number.
    """

    modulated = False
    needs_student = False

    def __init__(self, weight: float = 1.0):
        check_number(self, '[0, inf)', weight=weight)
        super().__init__()
        self.weight = weight

    @abstractmethod
    def forward(self, state: InversionState) -> Tensor:
        """The term, per sample [N] or per batch []."""

    def attach(self, teacher: nn.Module) -> None:
        """Prepare for the teacher, once before training (default: do nothing).

        Raises:
            ConfigError: The teacher lacks what the term needs.
        """

    def detach(self) -> None:
        """Undo what :meth:`attach` did to the teacher (default: do nothing).

        Called when the run has ended or failed, also where :meth:`attach` was not called.
        """

    def end_phase(self) -> None:
        """Called once after the generator steps of a round (default: do nothing)."""
