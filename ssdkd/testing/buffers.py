"""The contract of a buffer, as a check."""

from collections.abc import Callable

import torch
from torch import Tensor

from ssdkd.buffers import BaseBuffer, SampleBatch
from ssdkd.errors import ConfigError
from ssdkd.testing.common import K, Maker, cloned, make_batch, same
from ssdkd.writers import BaseWriter, OldestWriter

CAPACITY = 8
FIXED = dict(priority=torch.float32, weight=torch.float32, birth=torch.int64, uses=torch.int64)


def check_buffer(component: Callable[..., BaseBuffer], **arguments) -> None:
    """Check that a buffer keeps the promises of :class:`ssdkd.buffers.BaseBuffer`.

    It is filled from empty over one sample to full and beyond, and each time looked at: which
    rows came back, which were overwritten, what the counters say. Then added columns, batches
    that must be refused, going on from a checkpoint, and (unless it refuses that) dealing the
    samples of several processes to more and to fewer of them.

    Args:
        component: The class, or a function that makes a new buffer; it is called with
            ``capacity`` and the arguments.
        **arguments: Given to it each time.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    buffer = make(BaseBuffer, capacity=CAPACITY)
    _check_empty(make, buffer)
    _check_reserve(make)
    for capacity, sizes in ((1, (1, 1)), (CAPACITY, (1, 4, 3, 2, 8, 5))):
        buffer = make(capacity=capacity)
        for step, n in enumerate(sizes):
            buffer.round = step
            _check_extend(make, buffer, n, step)
    _check_refusals(make)
    _check_columns(make)
    _check_resume(make)
    _check_deal(make)


class _Recorder(BaseWriter):
    """Overwrites the oldest, and remembers which they were."""

    def __init__(self):
        self.evicted: list[int] = []

    def evict(self, buffer: BaseBuffer, batch: SampleBatch, n: int) -> Tensor:
        slots = OldestWriter().evict(buffer, batch, n)
        self.evicted = slots.tolist()
        return slots


def _batch(buffer: BaseBuffer, n: int, seed: int = 0) -> SampleBatch:
    return make_batch(n, seed, facts=buffer.needs_facts)


def _extend(buffer: BaseBuffer, n: int, seed: int = 0) -> Tensor:
    return buffer.extend(
        _batch(buffer, n, seed), OldestWriter() if buffer.needs_writer else None
    )


def _check_empty(make: Maker, buffer: BaseBuffer) -> None:
    state = dict(capacity=buffer.capacity, size=buffer.size, length=len(buffer))
    state |= dict(version=buffer.version, round=buffer.round, max=float(buffer.max_priority))
    expected = dict(capacity=CAPACITY, size=0, length=0, version=0, round=0, max=1.0)
    make.must(
        state == expected,
        'begin with capacity as given, size, round and version 0 and max_priority 1',
        f'got {state}',
    )
    make.must_raise(
        RuntimeError,
        'refuse to read from an empty buffer with a RuntimeError',
        lambda: buffer[torch.zeros(1, dtype=torch.int64)],
    )
    for name, dtype in FIXED.items():
        column = buffer.columns.get(name)
        make.must(
            column is not None and column.dtype == dtype,
            f"have the column '{name}' of {dtype} from the beginning",
        )


def _check_reserve(make: Maker) -> None:
    buffer = make(capacity=CAPACITY)
    with make.doing('say in reserve() what it will take'):
        line = buffer.reserve((4, 4))
    make.must(
        isinstance(line, str) and line and '\n' not in line,
        'return one line for the log from reserve()',
        f'got {line!r}',
    )
    make.must_raise(
        ConfigError,
        'refuse in reserve(), with a ConfigError, images of a million pixels per side',
        lambda: buffer.reserve((2**20, 2**20)),
    )


def _check_extend(make: Maker, buffer: BaseBuffer, n: int, seed: int) -> None:
    what = f'a batch of {n} into {len(buffer)} of {buffer.capacity} slots'
    batch = _batch(buffer, n, seed)
    given = cloned(batch)
    before = cloned(buffer.columns)
    size, version, top = buffer.size, buffer.version, buffer.max_priority.clone()
    writer = _Recorder() if buffer.needs_writer else None
    with make.doing(f'write {what}'):
        slots = buffer.extend(batch, writer)

    make.must_be(f'the slots of {what}', slots, (n,), torch.int64)
    make.must(
        len(slots.unique()) == n and 0 <= slots.min() and slots.max() < buffer.size,
        f'return the distinct filled slots of {what}',
        f'got {slots.tolist()}, size {buffer.size}',
    )
    make.must(
        n <= buffer.size == len(buffer) <= buffer.capacity,
        'have size filled slots, at least those just written and at most capacity',
        f'after {what} got size {buffer.size}',
    )
    make.must(buffer.version == version + 1, 'add 1 to version in every extend')
    make.must(same(batch, given), 'leave the batch that it is given as it is')
    overwritten = sorted(slot for slot in slots.tolist() if slot < size)
    if writer is not None:
        make.must(
            overwritten == sorted(writer.evicted),
            'overwrite those slots that the writer gives up, and no others',
            f'after {what} it overwrote {overwritten}, the writer said {writer.evicted}',
        )
        kept = [slot for slot in range(min(size, buffer.size)) if slot not in overwritten]
        for name, column in before.items():
            make.must(
                torch.equal(buffer.columns[name][kept], column[kept]),
                f"leave rows alone that it does not overwrite, but changed column '{name}'",
            )
    _check_rows(make, buffer, slots, given, top)
    _check_counts(make, buffer)
    batch['image'].zero_()  # must not be what is stored
    _check_rows(make, buffer, slots, given, top)
    indices = torch.cat([slots, slots[:1]])
    buffer[indices]['image'].zero_()
    _check_rows(make, buffer, slots, given, top)
    buffer.count_use(slots[:1])
    buffer.set_priority(slots[:1], torch.tensor([2.0 + seed]))


def _check_rows(
    make: Maker, buffer: BaseBuffer, slots: Tensor, batch: SampleBatch, top: Tensor
) -> None:
    with make.doing('return rows of the slots just written'):
        rows = buffer[slots]
    make.must(
        set(rows) == set(buffer.columns),
        'return all columns from __getitem__',
        f'got {set(rows)}',
    )
    make.must(
        buffer.columns['image'].dtype == torch.uint8, 'store images as uint8, a byte a value'
    )
    make.must_be('images', rows['image'], batch['image'].shape)
    error = (rows['image'] - batch['image']).abs().max()
    make.must(
        error <= 0.5 / 255 + 1e-6,
        'return copies of the images as they were written, but for rounding to 1/255',
        f'they differ by {error:.3g}',
    )
    for name in batch.keys() - {'image'}:
        make.must(
            torch.equal(rows[name], batch[name]),
            f"return '{name}' as it was written, in copies",
        )
    n = len(slots)
    fresh = dict(priority=top.expand(n), weight=torch.ones(n), uses=torch.zeros(n))
    fresh['birth'] = torch.full((n,), buffer.round)
    for name, expected in fresh.items():
        make.must(
            torch.equal(rows[name].double(), expected.double()),
            'give new samples the largest priority so far, weight 1, the current round as '
            'birth, and no uses',
            f"got '{name}' {rows[name].tolist()}",
        )


def _check_counts(make: Maker, buffer: BaseBuffer) -> None:
    expected = torch.zeros(0, dtype=torch.float64)
    if buffer.needs_facts:
        expected = buffer.columns['class_share'][: buffer.size].double().sum(0)
    make.must_be('class_counts', buffer.class_counts, tuple(expected.shape), torch.float64)
    make.must(
        torch.allclose(buffer.class_counts, expected),
        'keep class_counts the sum of class_share over the filled slots ([0] without facts)',
        f'got {buffer.class_counts.tolist()} for {expected.tolist()}',
    )


def _check_refusals(make: Maker) -> None:
    buffer = make(capacity=CAPACITY)
    make.must_raise(
        ConfigError,
        'refuse a batch larger than its capacity with a ConfigError',
        lambda: _extend(buffer, CAPACITY + 1),
    )
    needed = ('image', 'class_share', 'confidence') if buffer.needs_facts else ('image',)
    for name in needed:
        batch = _batch(buffer, 2)
        del batch[name]
        make.must_raise(
            ValueError,
            f"refuse a batch without '{name}' with a ValueError",
            lambda: buffer.extend(batch, OldestWriter()),  # noqa: B023  (called at once)
        )
    make.must(buffer.size == 0, 'be as before after a batch that it refused')


def _check_columns(make: Maker) -> None:
    buffer = make(capacity=CAPACITY)
    _extend(buffer, 3)
    with make.doing('take another column'):
        buffer.add_column('score', (2,), torch.float32, fill=0.5)
        buffer.add_column('score', (2,), torch.float32, fill=0.5)
    make.must(
        torch.equal(buffer[torch.arange(3)]['score'], torch.full((3, 2), 0.5)),
        'fill an added column where no batch has brought it',
    )
    make.must_raise(
        ConfigError,
        'refuse, with a ConfigError, to add a column again in another form',
        lambda: buffer.add_column('score', (3,)),
    )
    batch = _batch(buffer, 2, seed=1)
    batch |= dict(score=torch.rand(2, 2), brought=torch.tensor([5, 7]))
    with make.doing('make a column of another key of a batch'):
        slots = buffer.extend(batch, OldestWriter() if buffer.needs_writer else None)
        rows = buffer[slots]
    make.must(
        same((rows['score'], rows['brought']), (batch['score'], batch['brought'])),
        'store the added columns that a batch brings',
    )


def _check_resume(make: Maker) -> None:
    for sizes in ((), (1,), (5, 3, 4)):
        buffer = make(capacity=CAPACITY)
        for step, n in enumerate(sizes):
            buffer.round = step
            slots = _extend(buffer, n, seed=step)
            buffer.set_priority(slots, torch.linspace(0, 3, n))
        kept = buffer.state_dict()
        state = make.resaved(kept)
        resumed = make(capacity=CAPACITY)
        with make.doing('load its own state_dict'):
            resumed.load_state_dict(make.resaved(kept))
        make.must(
            same(resumed.state_dict(), state), 'be the same after load_state_dict as before'
        )
        for one in (buffer, resumed):
            slots = _extend(one, 6, seed=9)
            one.count_use(slots)
        make.must(same(kept, state), 'return copies in state_dict, not what it goes on writing')
        make.must(
            same(resumed.state_dict(), buffer.state_dict()),
            'go on after load_state_dict as it would have without a stop',
        )
        _check_counts(make, resumed)
        make.must(buffer.size == 0 or len(buffer.class_counts) in (0, K), 'count K classes')


def _check_deal(make: Maker) -> None:
    for sizes, parts, capacity in (
        ((0, 0), 3, CAPACITY),
        ((5, 6, 4), 2, CAPACITY),
        ((7,), 3, CAPACITY),
        ((8, 7, 8), 2, 3),
    ):
        states = []
        for rank, n in enumerate(sizes):
            buffer = make(capacity=CAPACITY)
            buffer.round = rank
            if n:
                buffer.set_priority(_extend(buffer, n, rank), torch.full((n,), 1.0 + rank))
            states.append(make.resaved(buffer.state_dict()))
        given, dealt = cloned(states), [make(capacity=capacity) for _ in range(parts)]
        with make.doing(f'deal the samples of {len(sizes)} processes to {parts}'):
            try:
                for rank, buffer in enumerate(dealt):
                    state = buffer.deal(states, rank, parts)
                    buffer.load_state_dict(make.resaved(state))
            except ConfigError:
                return  # it refuses, as it may
        make.must(same(states, given), 'leave the states that it deals as they are')
        _check_parts(make, dealt, states)


def _check_parts(make: Maker, dealt: list[BaseBuffer], states: list[dict]) -> None:
    rows = [row for state in states for row in _rows(state['columns'], state['size'])]
    rows.sort(key=lambda row: row[0])
    held = sum((_rows(b.columns, b.size) for b in dealt), [])
    room = sum(buffer.capacity for buffer in dealt)
    make.must(
        len(held) == min(len(rows), room) and all(row in rows for row in held),
        'deal every sample once, or as many as there is room for',
        f'got {len(held)} of {len(rows)}',
    )
    births = sorted(row[0] for row in held)
    make.must(
        births == [row[0] for row in rows[len(rows) - len(held) :]],
        'deal the newest samples where there is no room for all',
        f'got those of rounds {births}',
    )
    lengths = [len(buffer) for buffer in dealt]
    make.must(max(lengths) - min(lengths) <= 1, 'deal parts of equal size', f'got {lengths}')
    expected = torch.zeros(0, dtype=torch.float64)
    if held and dealt[0].needs_facts:
        shares = [b.columns['class_share'][: len(b)].double() for b in dealt]
        expected = torch.cat(shares).sum(0)
    for buffer in dealt:
        make.must(
            same(buffer.class_counts, expected)
            and buffer.max_priority == max(state['max_priority'] for state in states)
            and (buffer.round, buffer.version) == (states[0]['round'], states[0]['version']),
            'deal class counts and the largest priority of all parts, and round and version',
        )
        _extend(buffer, 2, seed=9)


def _rows(columns: dict[str, Tensor], size: int) -> list[tuple]:
    """One row per sample, its birth first, that can be compared."""
    names = sorted(columns, key=lambda name: (name != 'birth', name))
    return list(zip(*(columns[name][:size].tolist() for name in names)))
