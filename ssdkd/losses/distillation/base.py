"""The contract of a distillation loss."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn

from ssdkd.checks import check_number
from ssdkd.tasks.base import BaseTask


class BaseDistillationLoss(nn.Module, ABC):
    """One term of the loss that the student minimises.

    The distiller adds the terms up, each times its weight. Importance weights and the
    modulating function then weigh the samples. The sampler sees the sum without these weights.

    Args:
        weight (float): Factor of this term in the sum, at least 0. Defaults to 1.

    Raises:
        ConfigError: ``weight`` is no such number.
    """

    def __init__(self, weight: float = 1.0):
        check_number(self, '[0, inf)', weight=weight)
        super().__init__()
        self.weight = weight

    @abstractmethod
    def forward(self, student_logits: Tensor, teacher_logits: Tensor, task: BaseTask) -> Tensor:
        """The term per sample [N], unweighted, differentiable in the student's logits."""

    def attach(self, teacher: nn.Module, student: nn.Module) -> None:
        """Look at both networks once, before training (nothing, by default).

        Raises:
            ConfigError: A network lacks what the term needs.
        """

    def observing(self) -> AbstractContextManager:
        """Entered around one pass of both networks and the call (nothing, by default).

        The place for a term that reads more than logits to watch the networks, and to forget
        what it saw.
        """
        return nullcontext()
