"""The contract of a writer, as a check."""

from collections.abc import Callable

import torch
from torch import Tensor

from ssdkd.buffers import BaseBuffer, SampleBatch
from ssdkd.testing.common import Maker, cloned, filled_buffer, global_seed, make_batch, same
from ssdkd.writers import BaseWriter


def check_writer(component: Callable[..., BaseWriter], **arguments) -> None:
    """Check that a writer keeps the promises of :class:`ssdkd.writers.BaseWriter`.

    Gives up one slot, some and all, of a full buffer and of one that a batch overfills;
    changes nothing itself; decides from the buffer's columns and ``buffer.rng`` alone.

    Args:
        component: The class, or a function that makes a new writer.
        **arguments: Given to it each time.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    make(BaseWriter)
    for size, capacity, n in ((1, 1, 1), (8, 8, 1), (8, 8, 3), (8, 8, 8), (5, 8, 6), (1, 4, 4)):
        runs = []
        for seed in (1, 2):
            # The second decides again what the first has decided with a past.
            writer = _Checked(make, make())
            if seed == 1:
                filled_buffer(8, 8, seed=5).extend(make_batch(4, seed=6), writer)
            buffer = filled_buffer(size, capacity)
            with global_seed(seed):
                runs.append(buffer.extend(make_batch(n, seed=7), writer))
        make.must(
            same(*runs),
            "decide from the buffer's columns and buffer.rng alone, without memory of its own",
        )


class _Checked(BaseWriter):
    """A writer whose answers are checked."""

    def __init__(self, make: Maker, writer: BaseWriter):
        self.make = make
        self.writer = writer

    def evict(self, buffer: BaseBuffer, batch: SampleBatch, n: int) -> Tensor:
        before = cloned(buffer.state_dict()), cloned(batch)
        with self.make.doing(f'give up {n} of {len(buffer)} slots'):
            slots = self.writer.evict(buffer, batch, n)
        self.make.must_be(f'slots, {n} of {len(buffer)},', slots, (n,), torch.int64)
        self.make.must(
            len(slots.unique()) == n and 0 <= slots.min() and slots.max() < len(buffer),
            'return distinct filled slots',
            f'got {slots.tolist()} of {len(buffer)}',
        )
        self.make.must(
            same(before, (cloned(buffer.state_dict()), cloned(batch))),
            'change neither the buffer nor the batch',
        )
        return slots
