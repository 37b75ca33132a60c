"""The contract of a replay buffer."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ssdkd.errors import ConfigError
from ssdkd.words import count

# Rows of a buffer, one tensor per column, all with the same first dimension N.
SampleBatch = dict[str, Tensor]

# Columns that the buffer keeps itself, and those that the teacher is asked for.
MANAGED = ('priority', 'weight', 'birth', 'uses')
FACTS = ('class_share', 'confidence')
# Begin of the names of columns that are in no checkpoint: the distiller computes them again.
ANSWER = 'teacher/'


def to_bytes(images: Tensor) -> Tensor:
    """Images in [0, 1] as the column ``image`` keeps them: uint8, [0, 255]."""
    return images.clamp(0, 1).mul(255).round().to(torch.uint8)


def from_bytes(images: Tensor) -> Tensor:
    """Images of the column ``image``, as float in [0, 1]."""
    return images.float().div_(255)


def rounded(images: Tensor) -> Tensor:
    """Images in [0, 1] as a buffer returns them."""
    return from_bytes(to_bytes(images))


class BaseBuffer(ABC):
    """Samples in M slots, each slot a row over named columns.

    A buffer only stores. Which slots a batch overwrites is a writer's decision, which slots
    the student sees a sampler's; both read the same columns, so eviction and sampling
    always agree on the current priorities. Whoever caches what it has computed of priorities
    compares :attr:`priority_version`. A slot is named by its index, and the index is
    the only thing that buffer, writer, sampler and distiller exchange.

    Every buffer has these columns (plugins add more with :meth:`add_column`), except that one
    with ``needs_facts = False`` lacks ``class_share`` and ``confidence``:

    =============  ===============  ====================================================
    column         shape and dtype  meaning
    =============  ===============  ====================================================
    image          [M, C, H, W] u8  the sample, [0, 1] scaled to [0, 255] and rounded
    class_share    [M, K] float     share of each class, rows sum to 1 (one-hot for
                                    classification, a histogram for segmentation)
    confidence     [M] float        the teacher's confidence, in [0, 1]
    priority       [M] float        raw ``|delta|`` (docs/method.md), never transformed
    weight         [M] float        importance weight of the slot's latest draw, 1 if new
    birth          [M] int64        round in which the sample was written, from 0
    uses           [M] int64        how often the student has seen it
    =============  ===============  ====================================================

    With ``model.keep_answers``, columns whose names begin with :data:`ANSWER` hold what the
    teacher says of the sample. They need not be in :meth:`state_dict`, as the distiller fills
    them again, nor in what ``buffer[indices]`` returns.

    Attributes:
        needs_facts (bool): Whether a batch must bring what the teacher says of it,
            ``class_share`` and ``confidence``. Where False, these columns are absent, no class
            is counted, and storing spares a pass of the teacher. A class attribute.
        needs_writer (bool): Whether :meth:`extend` asks a writer. A class attribute.
        capacity (int): M, the number of slots of this process.
        bound (str): The setting that limits M, for messages. Defaults to ``'capacity'``.
        size (int): Number of filled slots; they are the slots ``0 .. size - 1``.
        columns (dict[str, Tensor]): Column name -> tensor [M, ...]; fewer rows than M while
            a buffer grows. Rows from ``size`` on mean nothing.
        class_counts (Tensor): [K] float64, sum of ``class_share`` over the filled slots of
            *all* processes; [0] before the first :meth:`extend`, and without facts.
        max_priority (Tensor): 0-dim, the largest priority seen so far, at first 1.
        round (int): The current round, from 0, set by the loop and written to ``birth``.
        version (int): Number of calls of :meth:`extend` so far.
        priority_version (int): Number of calls of :meth:`set_priority` so far. A sampler or
            writer that caches sums or ranks of priorities keeps it beside them, with
            ``version``, and computes them again when either has changed. In no checkpoint.
        rng (torch.Generator | None): Shared by writer and sampler, set by the distiller.
    """

    needs_facts = True
    needs_writer = True
    capacity: int
    bound: str = 'capacity'
    size: int
    columns: dict[str, Tensor]
    class_counts: Tensor
    max_priority: Tensor
    round: int
    version: int
    priority_version: int = 0
    rng: torch.Generator | None

    @abstractmethod
    def reserve(self, image_size: tuple[int, int], channels: int = 3) -> str:
        """State the memory that the slots will take, before training.

        Args:
            image_size: (H, W) of the samples to come.
            channels: C.

        Returns:
            str: One line for the log.

        Raises:
            ConfigError: It is more than the buffer may take.
        """

    @abstractmethod
    def extend(self, batch: SampleBatch, writer) -> Tensor:
        """Write a batch over the slots that ``writer`` chooses.

        Args:
            batch: ``image`` [N, C, H, W] float in [0, 1], ``class_share`` [N, K],
                ``confidence`` [N] (both only if the buffer needs facts), and any added
                columns. Columns of the buffer that are
                absent take their fill value; ``priority`` takes the largest seen so far.
            writer (BaseWriter | None): Chooses the slots; None if the buffer needs none.

        Returns:
            Tensor: [N] int64, the slots written, in the order of the batch.

        Raises:
            ConfigError: N is larger than the capacity.
            ValueError: The batch lacks a key that it must have.
        """

    @abstractmethod
    def __getitem__(self, indices: Tensor) -> SampleBatch:
        """Copies of all columns at ``indices`` [N]; ``image`` as float in [0, 1].

        Raises:
            RuntimeError: The buffer is empty.
        """

    @abstractmethod
    def add_column(
        self,
        name: str,
        shape: tuple[int, ...] = (),
        dtype: torch.dtype = torch.float32,
        fill: float = 0,
    ) -> None:
        """Add a column ``[M, *shape]`` that is ``fill`` wherever a batch does not bring it.

        Raises:
            ConfigError: It exists in another form; in the same form it is kept.
        """

    @abstractmethod
    def state_dict(self) -> dict:
        """Copies of the filled slots and all counters, as plain tensors and numbers."""

    @abstractmethod
    def load_state_dict(self, state: dict) -> None:
        """Take over what :meth:`state_dict` returned."""

    def deal(self, states: list[dict], rank: int, world_size: int) -> dict:
        """This process's share of the samples that another number of processes stored.

        A run that goes on with another number of processes asks for it. The parts of all
        processes differ in size by one at most, and together they hold every sample once, or
        the newest if there are more than ``world_size`` times the capacity. A buffer may
        refuse, which it does by default.

        Args:
            states (list[dict]): What :meth:`state_dict` returned in each of them, by rank.
            rank (int): Which part.
            world_size (int): Number of parts.

        Returns:
            dict: For :meth:`load_state_dict`.

        Raises:
            ConfigError: The samples cannot be dealt.
        """
        raise ConfigError(
            f'--resume: the checkpoint was written by {count(len(states), "process")}, this '
            f'run has {world_size}, and the samples of a {type(self).__name__} cannot be '
            f'distributed to another number; start {count(len(states), "process")}'
        )

    def __len__(self) -> int:
        """Number of filled slots, at most M."""
        return self.size

    # What samplers and writers ask of every buffer.

    @property
    def device(self) -> torch.device:
        """Device of all columns except the images, which may be on another one."""
        return self.columns['priority'].device

    def check_filled(self) -> None:
        """Raise a ``RuntimeError`` if the buffer is empty."""
        if not self.size:
            raise RuntimeError('the replay buffer is empty: extend it before drawing from it')

    def rand(self, n: int) -> Tensor:
        """[n] float64, uniform in [0, 1), drawn with ``rng`` on its own device."""
        device = self.rng.device if self.rng is not None else self.device
        numbers = torch.rand(n, generator=self.rng, device=device, dtype=torch.float64)
        return numbers.to(self.device)

    def count_use(self, indices: Tensor) -> None:
        """Add one to ``uses`` for each entry of ``indices`` [n]; duplicates count."""
        self.columns['uses'].index_add_(0, indices, torch.ones_like(indices))

    @torch.no_grad()
    def set_priority(self, indices: Tensor, delta: Tensor) -> None:
        """Store raw priorities ``|delta|`` [n] at ``indices`` [n].

        A slot that occurs twice keeps the larger one, whatever the order of the writes. A
        value that is not finite (half precision overflows now and then) is passed over, as
        one of them would spoil ``max_priority``, and with it every later sample.
        """
        priority = self.columns['priority']
        delta = delta.to(priority).abs()
        delta = torch.where(delta.isfinite(), delta, priority[indices])
        priority.scatter_reduce_(0, indices, delta, 'amax', include_self=False)
        self.max_priority = torch.maximum(self.max_priority, delta.max())
        self.priority_version += 1
