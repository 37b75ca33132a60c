"""The contract of a task."""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor

from ssdkd.checks import check_int
from ssdkd.errors import ConfigError

ONE_LOGIT = (
    'one logit, with a sigmoid, is that of two classes: use '
    "model.task=dict(type='BinaryClassification', num_classes=2) (task='binary' with "
    'num_classes=2 in distill())'
)


class TaskOutput(NamedTuple):
    """The teacher's predictions for N samples, in one form for every task.

    Attributes:
        class_share: [N, K] in [0, 1], share of each class in the sample; rows sum to 1.
        label: [N] int64, the class with the largest share.
        confidence: [N] in [0, 1], the teacher's confidence in its own prediction.
    """

    class_share: Tensor
    label: Tensor
    confidence: Tensor


class BaseTask(ABC):
    """Definition of class, confidence and divergence for a type of network output.

    Everything is per sample: reducing is the distiller's business.

    Attributes:
        data_preprocessor (dict | None): Config of the mmengine data preprocessor that makes
            RGB images, uint8 or in [0, 1], of an evaluation batch; None: the dataset does.
        logits_form (str): Shape of the logits that the task reads, for messages: ``'[N, K]'``.
        cases (str): What a network decides about: ``'images'``, ``'pixels'`` or ``'labels'``.
        exclusive (bool): Whether the classes exclude each other, so that probabilities are a
            softmax of the logits and sum to 1; otherwise each logit has a sigmoid.
        outputs (int): Number of logits per image or pixel, K by default.

    Args:
        num_classes (int): Number of classes K, at least 2: the share of a single class is
            always 1, and nothing can be learnt from it.

    Raises:
        ConfigError: ``num_classes`` is no such number.
    """

    data_preprocessor: dict | None = None
    logits_form: str
    cases: str = 'images'
    exclusive: bool = True

    def __init__(self, num_classes: int):
        if num_classes == 1:
            raise ConfigError(f'model.task.num_classes=1: {ONE_LOGIT}')
        check_int('model.task', 2, num_classes=num_classes)
        self.num_classes = num_classes

    @property
    def outputs(self) -> int:
        return self.num_classes

    def misfit(self, outputs: int) -> str:
        """What is wrong with a network of so many outputs, and what to do about it."""
        if outputs == 1:
            return f'has 1 output; {ONE_LOGIT}'
        return (
            f'has {outputs} outputs, but model.task.num_classes={self.num_classes}; make them '
            'equal'
        )

    def check_output(self, output: Tensor, where: str, trained: bool) -> None:
        """Check that a network's output fits this task.

        Args:
            output: What the network returns for a blank image.
            where: Config key of the network, for the message.
            trained: Whether the network has trained weights, so that it must be finite.

        Raises:
            ConfigError: Its shape or its number of classes does not fit, or it is not finite.
        """
        if not isinstance(output, Tensor) or output.ndim != self.logits_form.count(',') + 1:
            found = (
                f'logits of shape {list(output.shape)}'
                if isinstance(output, Tensor)
                else f'a {type(output).__name__}'
            )
            raise ConfigError(
                f'{where} gives {found}, but {type(self).__name__} needs {self.logits_form}; '
                'choose another network or another model.task'
            )
        if output.shape[1] != self.outputs:
            raise ConfigError(f'{where} {self.misfit(output.shape[1])}')
        if trained and not output.isfinite().all():
            raise ConfigError(
                f'{where} gives logits that are not finite for a blank image, though its '
                f'weights are finite: check {where}.mean and .std, or take another checkpoint'
            )

    def outcomes(self, logits: Tensor) -> Tensor:
        """Logits of outcomes that exclude each other in dimension 1 (default: as they are).

        A softmax over it gives probabilities. What losses and metrics read that are not tied
        to a task. Further dimensions are places, such as pixels.

        Returns:
            Tensor: [N, C, ...].
        """
        return logits

    def log_mean_share(self, logits: Tensor) -> Tensor:
        """Logarithm of the classes' mean probability in a batch, differentiable -> [K].

        Their exponentials sum to 1. The mean is over samples and places.
        """
        log_p = self.outcomes(logits.float()).log_softmax(dim=1).movedim(1, 0).flatten(1)
        # In logarithms to the end: a class that no sample has must not give 0 * log(0).
        return log_p.logsumexp(dim=1) - math.log(log_p.shape[1])

    @abstractmethod
    def classify(self, logits: Tensor) -> TaskOutput:
        """Summarise logits of N samples; no gradient flows through the result."""

    @abstractmethod
    def divergence(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Divergence of the student's logits from the teacher's -> [N], differentiable.

        At least 0, and 0 where both are the same.
        """

    @abstractmethod
    def class_prior(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross entropy of the logits against target classes [N] -> [N], differentiable."""

    @abstractmethod
    def agreement(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Where student and teacher predict the same class, in [0, 1] -> [N], no gradient."""

    @abstractmethod
    def predict(self, logits: Tensor, data_samples) -> list:
        """Predictions of a batch in the form that mmengine's metrics expect.

        Args:
            logits: The network's, for the images of the batch.
            data_samples: What the dataloader said of these images.
        """
