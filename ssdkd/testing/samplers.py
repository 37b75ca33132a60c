"""The contract of a sampler, as a check."""

from collections.abc import Callable

import torch
from torch import Tensor

from ssdkd.buffers import BaseBuffer, ReplayBuffer
from ssdkd.samplers import BaseSampler
from ssdkd.testing.common import (
    Maker,
    cloned,
    filled_buffer,
    global_seed,
    make_batch,
    same,
)
from ssdkd.writers import OldestWriter

# What a sampler may change in a buffer.
ITS_COLUMNS = ('priority', 'weight', 'uses')


def check_sampler(component: Callable[..., BaseSampler], **arguments) -> None:
    """Check that a sampler keeps the promises of :class:`ssdkd.samplers.BaseSampler`.

    Draws of any size from buffers with none, one, some and all slots filled; indices, weights
    and use counts; what it leaves alone; priorities set between two draws; randomness from
    ``buffer.rng`` only; updates with zero and with overflown divergences; going on from a
    checkpoint, also with another number of processes.

    Args:
        component: The class, or a function that makes a new sampler.
        **arguments: Given to it each time.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    make(BaseSampler)
    for capacity in (1, 8):
        make.must_raise(
            RuntimeError,
            'refuse an empty buffer with a RuntimeError (call buffer.check_filled())',
            lambda: make().sample(ReplayBuffer(capacity), 1),  # noqa: B023  (called at once)
        )
    for size, capacity in ((1, 1), (1, 8), (5, 8), (8, 8)):
        sampler, buffer = make(), filled_buffer(size, capacity)
        for n in (1, 5, 20):
            _check_step(make, sampler, buffer, n, torch.linspace(0.1, 2, n))
    for divergence in (torch.zeros(5), torch.tensor([0.5, float('inf'), 1, float('nan'), 0])):
        sampler, buffer = make(), filled_buffer(5, 8)
        for _ in range(2):
            _check_step(make, sampler, buffer, 5, divergence)
    _check_randomness(make)
    _check_resume(make)
    _check_current_priorities(make)
    _check_deal(make)


def _check_step(
    make: Maker, sampler: BaseSampler, buffer: BaseBuffer, n: int, divergence: Tensor
) -> None:
    where = f'from {len(buffer)} of {buffer.capacity} slots'
    before = _rest(buffer)
    uses = buffer.columns['uses'].clone()
    with make.doing(f'draw {n} {where}'):
        indices, weights = sampler.sample(buffer, n)
    make.must_be(f'indices, drawn {where},', indices, (n,), torch.int64)
    make.must(
        0 <= indices.min() and indices.max() < len(buffer),
        f'draw filled slots only, 0 to {len(buffer) - 1}',
        f'got {indices.tolist()}',
    )
    make.must_be('importance weights', weights, (n,))
    make.must((weights > 0).all(), 'return weights above 0', f'got {weights.tolist()}')
    make.must(not weights.requires_grad, 'return weights without gradient')
    make.must(
        indices.device == weights.device == buffer.device,
        "return indices and weights on the buffer's device",
    )
    drawn = uses.index_add(0, indices, torch.ones_like(indices))
    make.must(
        torch.equal(buffer.columns['uses'], drawn),
        "count each slot's draws (call buffer.count_use(indices))",
    )
    with make.doing(f'take an update of {n} slots'):
        sampler.update(buffer, indices, divergence)
    make.must(
        same(before, _rest(buffer)),
        f'change nothing in the buffer but the columns {", ".join(ITS_COLUMNS)}',
    )


def _rest(buffer: BaseBuffer) -> dict:
    """All of a buffer that belongs to others."""
    state = cloned(buffer.state_dict())
    for name in ITS_COLUMNS:
        del state['columns'][name]
    del state['max_priority']
    return state


def _run(sampler: BaseSampler, buffer: BaseBuffer, steps: int) -> list:
    """Some rounds: a batch is written before every third draw."""
    drawn = []
    for step in range(steps):
        if step % 3 == 2:
            buffer.extend(make_batch(2, seed=step), OldestWriter())
        indices, weights = sampler.sample(buffer, 3)  # not a part of a pass
        drawn.append((indices.clone(), weights.clone()))
        sampler.update(buffer, indices, 0.5 + (indices % 3).float() * weights)
    return drawn


def _check_randomness(make: Maker) -> None:
    runs = []
    for seed in (1, 2):
        with global_seed(seed):
            runs.append(_run(make(), filled_buffer(6, 8), 8))
    make.must(same(*runs), 'draw with buffer.rng alone, so that a seed fixes the draws')


def _check_current_priorities(make: Maker) -> None:
    """Compare with a sampler that has computed nothing yet, and so has nothing out of date."""
    sampler, buffer = make(), filled_buffer(200, 200)
    _run(sampler, buffer, 1)
    buffer.set_priority(torch.tensor([70]), torch.tensor([5000.0]))
    fresh, copy = make(), ReplayBuffer(200)
    fresh.load_state_dict(make.resaved(cloned(sampler.state_dict())))
    copy.load_state_dict(buffer.state_dict())
    drawn = []
    for one, slots in ((sampler, buffer), (fresh, copy)):
        slots.rng = torch.Generator().manual_seed(0)
        drawn.append(one.sample(slots, 64))
    make.must(
        same(*drawn),
        'draw by the current priorities, also after buffer.set_priority between two draws '
        '(compare buffer.priority_version where something is cached)',
    )


def _check_resume(make: Maker) -> None:
    for steps in (0, 4):
        sampler, buffer = make(), filled_buffer(6, 8)
        _run(sampler, buffer, steps)
        state = make.resaved(cloned(sampler.state_dict()))
        stored, rng = buffer.state_dict(), buffer.rng.get_state()
        expected = _run(sampler, buffer, 5)

        resumed, buffer = make(), ReplayBuffer(8)
        buffer.load_state_dict(stored)
        buffer.rng = torch.Generator()
        buffer.rng.set_state(rng)
        with make.doing('load its own state_dict'):
            resumed.load_state_dict(state)
        make.must(
            same(_run(resumed, buffer, 5), expected),
            'draw after load_state_dict as it would have without a stop',
        )


def _check_deal(make: Maker) -> None:
    for steps in (0, 4):
        states = []
        for seed in (0, 1):
            sampler = make()
            _run(sampler, filled_buffer(8, 8, seed), steps)
            states.append(make.resaved(cloned(sampler.state_dict())))
        for size in (3, 12):
            sampler, buffer = make(), filled_buffer(size, 16)
            with make.doing('go on with the samples in other slots (see deal())'):
                sampler.load_state_dict(make.resaved(sampler.deal(states)))
            _check_step(make, sampler, buffer, 20, torch.linspace(0.1, 2, 20))
