"""The contract of a synthesizer."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ssdkd.tasks.base import BaseTask


class BaseSynthesizer(nn.Module, ABC):
    """Makes one batch of samples a round.

    Parameters of its own (a generator) are trained by ``optim_wrapper['generator']``. All
    that must survive a stop lives in parameters and buffers.

    Attributes:
        image_size: (height, width) of the samples.
        batch_size: How many samples :meth:`synthesize` returns.
        samples: The config key of that number where it is not ``batch_size``, else None.
    """

    image_size: tuple[int, int]
    batch_size: int
    samples: int | None = None

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        """Look at the teacher once, before training (nothing, by default).

        Raises:
            ConfigError: The teacher lacks what this synthesizer needs.
        """

    @abstractmethod
    def synthesize(
        self,
        *,
        teacher: nn.Module,
        student: nn.Module,
        task: BaseTask,
        phi: Callable[[Tensor], Tensor],
        optim_wrapper,
        rng: torch.Generator,
        warmup: bool,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Run one generator phase.

        Neither network may change: both are in eval mode and without parameter gradients
        while this runs, but gradients flow through them to the images.

        Args:
            teacher: Images [N, 3, H, W] in [0, 1] to logits.
            student: The same.
            task: What class and divergence mean.
            phi: Teacher's logits to the weights [N] of the balancing function.
            optim_wrapper: The run's ``OptimWrapperDict``.
            rng: Source of all randomness, on the networks' device.
            warmup: True while the student has not been trained yet.

        Returns:
            tuple: images [N, 3, H, W] in [0, 1] without gradient, and the value of each
            loss term, 0-dim and on the device, to be logged.
        """
