"""The contract of a synthesizer."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn

from ssdkd.buffers.base import ANSWER, FACTS, MANAGED, BaseBuffer, SampleBatch
from ssdkd.errors import ConfigError
from ssdkd.tasks.base import BaseTask


def itself(network: nn.Module) -> nn.Module:
    """The network."""
    return network


@dataclass(frozen=True)
class SynthesisContext:
    """Inputs of a synthesizer in one round.

    Neither network may change: both are in eval mode and without parameter gradients while a
    synthesizer runs, but gradients flow through them to the images.

    Attributes:
        teacher: Images [N, C, H, W] in [0, 1] to logits.
        student: The same.
        task: What class and divergence mean.
        modulation: Teacher's logits to the weights [N] of the modulating function.
        buffer: The samples of earlier rounds, to be read only; empty at first. What the
            synthesizer returns is written to it, except in a warm-up round.
        optim_wrapper: The run's ``OptimWrapperDict``.
        rng: Source of all randomness, on the networks' device.
        round: The current round, counted from 0, warm-up rounds included.
        warmup: Whether this is a warm-up round.
        share: Share of the student's training that has passed before and after the round, in
            [0, 1]: of its rounds, or with ``train_cfg.minutes`` of its time. Both are 0 in
            warm-up. What changes once in a run should go by it, not by the number of a round.
        replayed: A network to what stands for it in steps: itself, or its passes as CUDA graphs
            with ``model.cuda_graphs=True``.
    """

    teacher: nn.Module
    student: nn.Module
    task: BaseTask
    modulation: Callable[[Tensor], Tensor]
    buffer: BaseBuffer
    optim_wrapper: OptimWrapperDict
    rng: torch.Generator
    round: int
    warmup: bool
    share: tuple[float, float] = (0.0, 0.0)
    replayed: Callable[[nn.Module], Callable[..., Tensor]] = itself

    @property
    def untrained(self) -> bool:
        """Whether the student has not taken a step: in warm-up, and in the round after it.

        The first student steps of a run come after the samples of their round.
        """
        return self.warmup or self.share[0] == 0 < self.share[1]


class BaseSynthesizer(nn.Module, ABC):
    """Makes the samples of a round.

    Parameters of its own (a generator) are trained by ``optim_wrapper['generator']``. All
    that must survive a stop lives in parameters and buffers.

    Attributes:
        image_size: (height, width) of the samples.
        channels: C of the samples, 3 by default.
        samples: How many samples :meth:`synthesize` returns, which is how many the buffer
            stores per round. One that sets only ``batch_size``, the samples per
            optimisation step, returns that many.
    """

    image_size: tuple[int, int]
    channels: int = 3
    samples: int

    def __getattr__(self, name: str):
        return self.batch_size if name == 'samples' else super().__getattr__(name)

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        """Prepare for the teacher, once before training (default: do nothing).

        Raises:
            ConfigError: The teacher lacks what this synthesizer needs.
        """

    def detach(self) -> None:
        """Undo what :meth:`attach` did to the teacher (default: do nothing).

        Called when the run has ended or failed, also if :meth:`attach` failed.
        """

    @abstractmethod
    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        """Make the samples of one round.

        Args:
            context: The networks, and everything else that the round offers.

        Returns:
            tuple: the batch, and the value of each loss term, 0-dim and on the device, for
            the log.

            The batch is a dict of columns, one row per sample, without gradient: ``image``
            [N, C, H, W] float in [0, 1], and any other column [N, ...]. The buffer stores all
            of them, and samplers, writers and the student's step read them there by the same
            names. The synthesizers of this package bring ``target`` [N] int64, the class
            that was asked for, and ``latent`` [N, Z] where there is one. The columns of
            :data:`ssdkd.buffers.MANAGED` and :data:`ssdkd.buffers.FACTS` are not the
            synthesizer's to bring.
        """


def check_batch(synthesizer: BaseSynthesizer, batch: SampleBatch) -> None:
    """Check that a batch can be stored as its synthesizer returned it.

    Raises:
        ConfigError: It is no dict of columns with equally many rows, has no ``image``, or
            brings a column that is not the synthesizer's.
    """
    name = f'model.synthesizer: {type(synthesizer).__name__}.synthesize'
    if not isinstance(batch, dict) or 'image' not in batch:
        got = list(batch) if isinstance(batch, dict) else type(batch).__name__
        raise ConfigError(
            f"{name} returns {got} as its batch; return a dict of columns with 'image', "
            'and beside it a dict for the log'
        )
    for column, rows in batch.items():
        if column in MANAGED + FACTS or column.startswith(ANSWER):
            raise ConfigError(
                f"{name} returns a column '{column}', which the buffer fills itself; choose "
                'another name'
            )
        if not isinstance(rows, Tensor) or not rows.ndim or len(rows) != len(batch['image']):
            got = list(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
            raise ConfigError(
                f"{name} returns {got} as column '{column}'; return a tensor with one row for "
                f'each of the {len(batch["image"])} images'
            )
