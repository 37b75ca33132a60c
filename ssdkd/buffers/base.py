"""The contract of a replay buffer."""

from abc import ABC, abstractmethod

from torch import Tensor

# Rows of a buffer, one tensor per column, all with the same first dimension N.
SampleBatch = dict[str, Tensor]


class BaseBuffer(ABC):
    """Samples in M slots, each slot a row over named columns.

    A buffer only stores. Which slots a batch overwrites is a writer's decision, which slots
    the student sees a sampler's; both read the same columns, so eviction and sampling
    always agree on the current priorities. A slot is named by its index, and the index is
    the only thing that buffer, writer, sampler and distiller exchange.

    Every buffer has these columns (plugins add more with :meth:`add_column`):

    =============  ===============  ====================================================
    column         shape and dtype  meaning
    =============  ===============  ====================================================
    image          [M, 3, H, W] u8  the sample, [0, 1] scaled to [0, 255] and rounded
    class_share    [M, K] float     share of each class, rows sum to 1 (one-hot for
                                    classification, a histogram for segmentation)
    confidence     [M] float        the teacher's confidence, in [0, 1]
    priority       [M] float        raw ``|delta|`` of METHOD section 3, never transformed
    weight         [M] float        importance weight of the slot's latest draw, 1 if new
    birth          [M] int64        round in which the sample was written
    uses           [M] int64        how often the student has seen it
    =============  ===============  ====================================================
    """

    @abstractmethod
    def extend(self, batch: SampleBatch, writer) -> Tensor:
        """Write a batch over the slots that ``writer`` chooses.

        Args:
            batch: ``image`` [N, 3, H, W] float in [0, 1], ``class_share`` [N, K],
                ``confidence`` [N], and any added columns. Columns of the buffer that are
                absent take their fill value; ``priority`` takes the largest seen so far.
            writer (BaseWriter): Chooses the slots.

        Returns:
            Tensor: [N] int64, the slots written, in the order of the batch.
        """

    @abstractmethod
    def __getitem__(self, indices: Tensor) -> SampleBatch:
        """All columns at ``indices`` [N]; ``image`` as float in [0, 1]."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of filled slots, at most M."""
