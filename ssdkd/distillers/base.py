"""The contract of a distiller."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseModel
from torch import Tensor, nn

from ssdkd.buffers import BaseBuffer, SampleBatch
from ssdkd.buffers.capacity import check_capacity
from ssdkd.distillers.graphs import PassGraphs
from ssdkd.distillers.teacher_checks import (
    is_probability,
    nearest_size,
    probe_images,
    untouched,
)
from ssdkd.errors import ConfigError
from ssdkd.models import (
    Network,
    NetworkOutput,
    Teacher,
    device_of,
    has_program,
    recording,
)
from ssdkd.models.layer_inputs import is_compiled
from ssdkd.runs import new_seed, restore_generator
from ssdkd.samplers import BaseSampler
from ssdkd.synthesizers import BaseSynthesizer
from ssdkd.tasks import BaseTask
from ssdkd.transforms import to_unit_range
from ssdkd.user_code import describe_error
from ssdkd.words import count


@dataclass(frozen=True)
class Role:
    """One part of a distiller, and its use in a run.

    Attributes:
        path: Name of the submodule, such as ``'student'`` or ``'distillation.hint'``. In a
            config it is below ``model``.
        network: Whether the part is a network (images to outputs of the task). Networks are
            evaluated, and counted in the summary.
        optimizer: Key of ``optim_wrapper`` for the optimizer that trains the part. Several
            parts may share one. None: the part is only read, as a teacher is.
        losses: Config key below ``model`` of the losses that train it, for messages.
        synthesizes: Whether it is trained in the generator phase instead of the student steps.
        exported: Whether its weights are written to ``<name>.pth`` after training.
    """

    path: str
    network: bool = False
    optimizer: str | None = None
    losses: str = ''
    synthesizes: bool = False
    exported: bool = False


class BaseDistiller(BaseModel, ABC):
    """Base class: the interface that the loop, the hooks and the commands use.

    A subclass says by :attr:`roles` which parts it has. Optimizers, distributed wrappers,
    checks, summary and export read the roles and no other names. One round of training is one
    :meth:`synthesize`, and many :meth:`train_step` unless it is a warm-up round.

    A checkpoint holds the state dict of all submodules, the optimizers, and
    :meth:`training_state`.

    Attributes:
        task: What an output of the networks means.
        synthesizer: Makes the samples of a round.
        buffer: Keeps the samples.
        sampler: Chooses the samples of a student step.
        batch_size: Samples per step of the students.
        autocast: ``'bfloat16'``, or None for float32.
        cuda_graphs: Whether passes of networks that repeat are replayed, see :meth:`replayed`.
        keep_answers: Whether the buffer holds what the teacher says of each sample.
        evaluated: The network that :meth:`forward` runs, by its role.
        share: Share of the student's training that has passed before and after the round, both
            in [0, 1]; the loop sets them.
        rng: Source of all randomness; None before :meth:`seed`.
    """

    task: BaseTask
    synthesizer: BaseSynthesizer
    buffer: BaseBuffer
    sampler: BaseSampler
    batch_size: int
    autocast: str | None
    cuda_graphs: bool = False
    keep_answers: bool = False
    evaluated: str = 'student'
    share: tuple[float, float] = (0.0, 0.0)
    rng: torch.Generator | None = None

    def __init__(self, data_preprocessor: dict | nn.Module | None = None):
        super().__init__(data_preprocessor)
        self._graphs: dict[nn.Module, PassGraphs | nn.Module] = {}  # by the network

    # What a subclass defines.

    @property
    @abstractmethod
    def roles(self) -> dict[str, Role]:
        """All parts that are trained, and all networks that are only read, by name."""

    @abstractmethod
    def synthesize(self, optim_wrapper, warmup: bool = False) -> dict[str, Tensor]:
        """Run one generator phase and write its batch to the buffer.

        Args:
            optim_wrapper: The run's ``OptimWrapperDict``, with a key per optimizer.
            warmup: Train the generator only.

        Returns:
            dict: Values to log, 0-dim, on the device.
        """

    @abstractmethod
    def store(self, batch: SampleBatch) -> Tensor:
        """Write a batch to the buffer, with the columns that the buffer needs.

        Args:
            batch: ``image`` [N, C, H, W] in [0, 1], and any other columns [N, ...].

        Returns:
            Tensor: [N] int64, the slots written.
        """

    @abstractmethod
    def train_step(self, data, optim_wrapper) -> dict[str, Tensor]:
        """One step of all students on samples from the buffer.

        Args:
            data: Ignored: the samples come from the buffer.
            optim_wrapper: The run's ``OptimWrapperDict``, with a key per optimizer.

        Returns:
            dict: Values to log, 0-dim, on the device.
        """

    def check(self) -> None:
        """Check what can be checked before training, once the run is built.

        Raises:
            ConfigError: A batch does not fit into the buffer.
        """
        check_capacity(
            self.buffer.capacity,
            self.batch_size,
            self.synthesizer.samples,
            get_world_size(),
            self.buffer.bound,
        )

    def detach(self) -> None:
        """Remove all hooks from the networks. Called when the run has ended or failed."""
        self.synthesizer.detach()

    # What a run asks of the roles.

    def part(self, name: str) -> nn.Module:
        """The part of a role, without the distributed wrapper around it."""
        return unwrapped(self.get_submodule(self.roles[name].path))

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All networks by role, those that are only read first."""
        names = [name for name, role in self.roles.items() if role.network]
        names.sort(key=lambda name: self.roles[name].optimizer is not None)
        return {name: self.part(name) for name in names}

    @property
    def trained(self) -> dict[str, Role]:
        """The roles that an optimizer trains, those of the generator phase first."""
        roles = [item for item in self.roles.items() if item[1].optimizer is not None]
        return dict(sorted(roles, key=lambda item: not item[1].synthesizes))

    @property
    def classes(self) -> Sequence[str] | None:
        """Class names that the checkpoint of a network records; None if none does."""
        recorded = [getattr(network, 'classes', None) for network in self.networks.values()]
        return next((classes for classes in recorded if classes), None)

    def layers(self, name: str) -> Sequence[str]:
        """Names of layers of a network whose output the losses read (none, by default).

        Args:
            name: Its role.
        """
        return ()

    def ask(self, name: str, images: Tensor) -> NetworkOutput:
        """One pass of a network in a training step, through the distributed wrapper around it.

        Args:
            name: Its role.
            images: [N, C, H, W] in [0, 1].

        Returns:
            NetworkOutput: The logits, and what :meth:`layers` returned on the way.
        """
        network = self.get_submodule(self.roles[name].path)
        if isinstance(network, Teacher):
            network = network.answering
        return self._pass(network, images, self.layers(name), self.replayed(network))

    @staticmethod
    def _pass(
        network: nn.Module,
        images: Tensor,
        layers: Sequence[str],
        run: Callable[[Tensor], Tensor],
    ) -> NetworkOutput:
        if not layers:
            return NetworkOutput(run(images))
        with recording(unwrapped(network).model, layers) as features:
            return NetworkOutput(run(images), features)

    def replayed(self, network: nn.Module) -> Callable[..., Tensor]:
        """A network, with :attr:`cuda_graphs` as :class:`PassGraphs`, for training steps.

        One in a distributed wrapper stays as it is, and so do programs and compiled networks,
        which have ways of their own to spare launches.

        Args:
            network: Takes tensors, and returns one.
        """
        if not self.cuda_graphs or unwrapped(network) is not network:
            return network
        if network not in self._graphs:
            own_ways = has_program(network) or any(map(is_compiled, network.modules()))
            self._graphs[network] = network if own_ways else PassGraphs(network)
        return self._graphs[network]

    def _fold(self, name: str) -> None:
        """Spare the student steps the batch norms of a teacher, see :class:`Folding`."""

        def outputs(network: nn.Module, images: Tensor) -> list[Tensor]:
            output = self._pass(network, images, self.layers(name), network)
            return [output.logits, *chain(*output.features.values())]

        teacher = self.part(name)
        size, channels = self.synthesizer.image_size, self.synthesizer.channels
        images = probe_images(size, device_of(teacher), channels)[:2]  # noise, and smooth
        with untouched(teacher):
            teacher.fold(images, outputs)

    def check_network(self, name: str, trained: bool) -> NetworkOutput:
        """Run a network on a blank image, to find a mismatch before training.

        A network that gives probabilities gives their logarithm, or log(p / (1 - p)) after a
        sigmoid, from then on.

        Args:
            name: Its role.
            trained: Whether it has trained weights. Without, a deep network may overflow
                until its batch norms have seen images.

        Returns:
            NetworkOutput: Its output for one image.

        Raises:
            ConfigError: It cannot take the images, or its output does not fit the task.
        """
        network, size = self.part(name), self.synthesizer.image_size
        where = f'model.{self.roles[name].path}'
        if isinstance(network, Network):
            network.reader.name = where
        output = self._try(name, size)
        if isinstance(output, Exception):
            channels = self.synthesizer.channels
            raise ConfigError(
                f'{where} cannot take images of {size} pixels: its forward fails for shape '
                f'{[1, channels, *size]} with {describe_error(output)}{self._remedy(name)}'
            ) from output
        try:
            self.task.check_output(output.logits, where, trained)
        except ConfigError as error:
            others = isinstance(network, Network) and network.reader.others
            raise ConfigError(f'{error}; {others}' if others else str(error)) from error
        probable = self.task.exclusive and is_probability(output.logits)
        if probable and isinstance(network, Network):
            network.gives_probabilities = True
            output = self._try(name, size)
        labels = isinstance(network, Network) and not self.task.exclusive
        if labels and self._attempt(network, lambda: network.take_log_odds(size)):
            output = self._try(name, size)
        if isinstance(network, Teacher):
            self._fold(name)
        return output

    def _remedy(self, name: str) -> str:
        """Other channels, or the nearest size, that a network takes, for a message."""

        network, role = self.part(name), self.roles[name]
        size, given = self.synthesizer.image_size, self.synthesizer.channels

        def takes(channels: int) -> bool:
            # Without the normalisation, which has numbers for each channel.
            plain = network.model if isinstance(network, Network) else network
            image = torch.zeros(1, channels, *size)
            return not isinstance(self._attempt(network, lambda: plain(image)), Exception)

        def runs(size: Sequence[int]) -> bool:
            return not isinstance(self._try(name, size), Exception)

        channels = next((c for c in (1, 3, 4) if c != given and takes(c)), None)
        if channels:
            remedy = f'take another network, as the images have those of the teacher, {given}'
            if role.optimizer is None:
                remedy = (
                    f'set model.{role.path}.channels={channels}, and give mean and std one '
                    f'number or {channels}'
                )
            return f'; it runs with {count(channels, "channel")}: {remedy}'
        side = nearest_size(runs, size)
        if side is None:
            return '; no usual size works; if it is made for one size, set image_size to that'
        return f'; the nearest image_size that works is {side}'

    def _try(self, name: str, size: Sequence[int]) -> NetworkOutput | Exception:
        """The output of a network for a blank image, or the error that it raises."""
        image = torch.zeros(1, self.synthesizer.channels, *size)
        return self._attempt(self.part(name), lambda: self.ask(name, image))

    @staticmethod
    @torch.no_grad()
    def _attempt(network: nn.Module, run: Callable[[], Any]) -> Any:
        """What ``run`` returns with the network in evaluation mode, or the error it raises."""
        was_training = network.training
        try:
            network.eval()
            return run()
        except ConfigError:
            raise
        except Exception as error:  # of the user's own code
            return error
        finally:
            network.train(was_training)

    @contextmanager
    def evaluating(self, name: str) -> Iterator[None]:
        """Let :meth:`forward` run another network inside.

        Args:
            name: Its role.
        """
        before, self.evaluated = self.evaluated, name
        try:
            yield
        finally:
            self.evaluated = before

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        """The output of the network that is evaluated, by default the student.

        Args:
            inputs: Images [N, C, H, W], uint8 or in [0, 1].
            data_samples: What the dataset says of the images; passed to the task.
            mode: ``'tensor'`` returns the output; ``'predict'`` what metrics expect, see
                :meth:`BaseTask.predict`.
        """
        output = self.answer(self.evaluated, to_unit_range(inputs))
        return self.task.predict(output, data_samples) if mode == 'predict' else output

    def answer(self, name: str, images: Tensor) -> Tensor:
        """The output of a network for images [N, C, H, W] in [0, 1].

        Args:
            name: Its role.
            images: The images.
        """
        return self.part(name)(images)

    def init_weights(self) -> None:
        """Nothing: networks get their weights when they are built.

        mmengine calls this before training, and its default descends into the networks.
        """

    # Checkpoints and randomness.

    def seed(self, seed: int) -> None:
        """Make the generator of all randomness, on the device that the model is on."""
        self.rng = torch.Generator(next(self.parameters()).device)
        self.rng.manual_seed(seed)
        self.buffer.rng = self.rng

    def training_state(self) -> dict:
        """State beside the weights for a checkpoint: buffer, sampler and randomness."""
        return {
            'buffer': self.buffer.state_dict(),
            'sampler': self.sampler.state_dict(),
            'rng': self.rng.get_state(),
        }

    def load_training_state(self, state: dict) -> None:
        """Continue from a :meth:`training_state`, perhaps of another type of device."""
        self.buffer.load_state_dict(state['buffer'])
        self.sampler.load_state_dict(state['sampler'])
        restore_generator(self.rng, state['rng'].cpu())

    def redeal(self, states: list[dict], rank: int, world_size: int) -> dict:
        """One process's training state, from those of another number of processes.

        Buffer and sampler say what becomes of their states (``deal``). The random stream is
        reinitialised from a seed made of all saved streams and the rank: repeatable, but not
        the numbers that another number of processes would have drawn.

        Args:
            states: ``training_state`` of each process that saved one, by rank.
            rank: Which of the processes this is.
            world_size: How many there are now.

        Returns:
            dict: For :meth:`load_training_state`.

        Raises:
            ConfigError: The buffer cannot be dealt.
        """
        rng = torch.Generator(self.rng.device)
        rng.manual_seed(new_seed([state['rng'] for state in states], f'{rank} of {world_size}'))
        return states[0] | {
            'buffer': self.buffer.deal([s['buffer'] for s in states], rank, world_size),
            'sampler': self.sampler.deal([s['sampler'] for s in states]),
            'rng': rng.get_state(),
        }

    def check_resumable(self, state_dict: dict[str, Tensor]) -> None:
        """Check that a run was trained with the same teachers.

        Args:
            state_dict: The distiller's, from a checkpoint of that run.

        Raises:
            ConfigError: A weight or a statistic of a network that is only read differs.
        """
        for role in self.roles.values():
            if role.optimizer is not None:
                continue
            for name, value in self.get_submodule(role.path).state_dict().items():
                stored = state_dict.get(f'{role.path}.{name}')
                if stored is None or not torch.equal(stored.cpu(), value.cpu()):
                    raise ConfigError(
                        f"--resume: model.{role.path}'s weights are not those that the run "
                        f'was started with ({name} differs); set model.{role.path} back, or '
                        'start a new run'
                    )


def unwrapped(network: nn.Module) -> nn.Module:
    """A network without the distributed wrapper around it."""
    wrapped = isinstance(network, nn.parallel.DistributedDataParallel)
    return network.module if wrapped else network
