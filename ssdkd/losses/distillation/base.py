"""The contract of a distillation loss."""

from abc import ABC
from collections.abc import Sequence

from torch import Tensor, nn

from ssdkd.checks import check_number
from ssdkd.errors import ConfigError
from ssdkd.models.output import NetworkOutput
from ssdkd.tasks.base import BaseTask


class BaseDistillationLoss(nn.Module, ABC):
    """One term of the loss that the student minimises.

    A term of logits alone defines :meth:`forward`. A term that reads layers names them in
    ``student_layers`` and ``teacher_layers``, at the latest in :meth:`attach`, and overrides
    :meth:`compare`. It puts no hooks on the networks: the distiller runs each network once per
    step and passes the layers' outputs.

    The distiller adds the terms up, each times its weight. Importance weights and the
    modulating function then weigh the samples. The sampler sees the sum without these weights.

    Attributes:
        student_layers: Names of layers of ``student.model`` whose output the term reads.
        teacher_layers: The same of ``teacher.model``.

    Args:
        weight (float): Factor of this term in the sum, at least 0. Defaults to 1.

    Raises:
        ConfigError: ``weight`` is no such number. A subclass is refused that overrides
            ``observing()``, which is gone.
    """

    student_layers: Sequence[str] = ()
    teacher_layers: Sequence[str] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if 'observing' in vars(cls):  # of earlier versions, and never called now
            raise ConfigError(
                f'{cls.__module__}.{cls.__name__}: observing() is no longer part of a '
                'distillation loss; name the layers in student_layers and teacher_layers, and '
                'override compare()'
            )

    def __init__(self, weight: float = 1.0):
        check_number(self, '[0, inf)', weight=weight)
        super().__init__()
        self.weight = weight

    def attach(self, teacher: nn.Module, student: nn.Module) -> None:
        """Prepare for both networks, once before training (default: do nothing).

        Raises:
            ConfigError: A network lacks what the term needs.
        """

    def compare(self, student: NetworkOutput, teacher: NetworkOutput, task: BaseTask) -> Tensor:
        """The term per sample [N], unweighted, differentiable in the student's output.

        Args:
            student: The student's output for the images of a step.
            teacher: The teacher's output for the same images, without gradient.
            task: What the logits mean.
        """
        return self(student.logits, teacher.logits, task)

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, task: BaseTask) -> Tensor:
        """The same, of a term that reads logits alone."""
        raise NotImplementedError(f'{type(self).__name__} defines neither forward nor compare')
