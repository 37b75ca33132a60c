"""The samples of a run, read from its checkpoint without building anything."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ssdkd.errors import ConfigError
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.runs import newest_checkpoint


@dataclass(frozen=True)
class StoredSamples:
    """The filled slots of a buffer, those of all processes one after another.

    Attributes:
        path: The checkpoint.
        columns: Name -> [n, ...], see :class:`ssdkd.buffers.BaseBuffer`; ``class_share`` and
            ``confidence`` are absent if the buffer asks the teacher nothing. ``birth`` counts
            rounds from 1, as the log does; in a buffer it counts from 0.
        class_counts: [K] float64; [0] without ``class_share``.
    """

    path: Path
    columns: dict[str, Tensor]
    class_counts: Tensor

    @property
    def labels(self) -> Tensor | None:
        """[n] int64, the class with the largest share; None if the buffer knows none."""
        share = self.columns.get('class_share')
        return None if share is None else share.argmax(dim=1)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def read_samples(run: str | Path) -> StoredSamples:
    """Read the buffer inside a checkpoint.

    Args:
        run: A work directory (its newest round is read) or a ``round_*.pth``.

    Raises:
        ConfigError: There is no checkpoint, or it holds no filled buffer.
    """
    path = newest_checkpoint(run)
    content = read_checkpoint(path, 'checkpoint of a distillation', 'give a round_*.pth')
    try:
        buffers = [state['distiller']['buffer'] for state in content['distillation']]
    except (KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"'{path}' is not a checkpoint of a distillation, so it holds no buffer; give a "
            'round_*.pth, or the work directory (student.pth and the like are weights alone)'
        ) from error
    if not all(buffer['size'] for buffer in buffers):
        raise ConfigError(
            f"the buffer in '{path}' is empty: warm-up rounds store nothing; "
            'choose a later round'
        )
    names = buffers[0]['columns'].keys()
    columns = {n: torch.cat([buffer['columns'][n] for buffer in buffers]) for n in names}
    columns['birth'] = columns['birth'] + 1
    # Each process has its own samples, and all of them the counts of all samples.
    return StoredSamples(path, columns, buffers[0]['class_counts'])
