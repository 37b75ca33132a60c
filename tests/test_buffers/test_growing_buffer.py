"""The growing buffer: how far, in which steps, and what stays as in a replay buffer."""

import json
import re
from pathlib import Path

import pytest
import torch
from batches import make_batch, recount, saved
from helpers import NO_VAL, build_runner, check_resumed
from hypothesis import given, settings
from hypothesis import strategies as st

from ssdkd.buffers import GrowingBuffer, ReplayBuffer
from ssdkd.buffers import growing as module
from ssdkd.errors import ConfigError
from ssdkd.samplers import PrioritySampler, UniformSampler
from ssdkd.writers import BaseWriter, CrowdedWriter, OldestWriter, RandomWriter


class NeverAsked(BaseWriter):
    """There is room, so no slot need be given up."""

    def evict(self, buffer, batch, n):
        raise AssertionError('asked for slots')


def rows(buffer):
    """Memory taken, in rows, the same in every column."""
    (number,) = {len(column) for column in buffer.columns.values()}
    return number


def test_nothing_is_taken_before_the_first_batch():
    buffer = GrowingBuffer(10**12, max_gib=10**9)
    buffer.add_column('td', fill=-1)
    assert rows(buffer) == 0 and len(buffer) == 0


def test_memory_doubles_up_to_the_capacity_and_no_further():
    buffer, taken = GrowingBuffer(50), []
    for buffer.round in range(10):
        buffer.extend(make_batch(6, seed=buffer.round), OldestWriter())
        taken.append(rows(buffer))
    assert taken == [6, 12, 24, 24, 48, 48, 48, 48, 50, 50]
    assert buffer.columns['image'].nbytes == 50 * 3 * 2 * 2 and len(buffer) == 50


def test_a_batch_beyond_the_double_is_met_at_once():
    buffer = GrowingBuffer(100)
    buffer.extend(make_batch(2), NeverAsked())
    buffer.extend(make_batch(30), NeverAsked())
    assert rows(buffer) == 32


def test_all_samples_are_kept_while_it_grows():
    buffer, batches = GrowingBuffer(64), []
    for buffer.round in range(9):
        batches.append(make_batch(7, seed=buffer.round))
        slots = buffer.extend(batches[-1], NeverAsked())
        assert slots.tolist() == list(range(7 * buffer.round, 7 * buffer.round + 7))
    for name in ('class_share', 'confidence'):
        expected = torch.cat([batch[name] for batch in batches])
        assert torch.equal(buffer.columns[name][:63], expected), name
    expected = torch.cat([batch['image'] for batch in batches])
    assert (buffer[torch.arange(63)]['image'] - expected).abs().max() <= 1 / 510 + 1e-6
    assert buffer.columns['birth'][:63].tolist() == [i // 7 for i in range(63)]


@settings(max_examples=12, deadline=None)
@given(
    writer=st.sampled_from([OldestWriter(), RandomWriter(), CrowdedWriter()]),
    fractional=st.booleans(),
    capacity=st.integers(1, 40),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    seed=st.integers(0, 99),
)
def test_class_counts_equal_a_recount_while_it_grows(writer, fractional, capacity, sizes, seed):
    buffer = GrowingBuffer(capacity)
    buffer.rng = torch.Generator().manual_seed(seed)
    for buffer.round in range(20):
        n = min(sizes[buffer.round % len(sizes)], capacity)
        buffer.extend(make_batch(n, fractional, seed + buffer.round), writer)
        assert (buffer.class_counts - recount(buffer)).abs().max() < 1e-9
        assert len(buffer) <= rows(buffer) <= capacity
    assert buffer.class_counts.sum().item() == pytest.approx(len(buffer), abs=1e-4)


@pytest.mark.parametrize('writer', [OldestWriter(), RandomWriter(), CrowdedWriter()])
@pytest.mark.parametrize('sampler', [UniformSampler, PrioritySampler])
def test_equals_a_replay_buffer_of_the_same_capacity(writer, sampler):
    """Growth is a matter of memory: every draw and every row are those of a fixed buffer."""
    buffers = ReplayBuffer(30), GrowingBuffer(30)
    samplers = sampler(), sampler()
    for buffer in buffers:
        buffer.rng = torch.Generator().manual_seed(3)
    for number in range(12):
        drawn = []
        for buffer, s in zip(buffers, samplers):
            buffer.round = number
            buffer.extend(make_batch(4, seed=number), writer)
            indices, weights = s.sample(buffer, 9)
            s.update(buffer, indices, torch.linspace(0.1, 2, 9))
            drawn.append((indices, weights))
        assert torch.equal(drawn[0][0], drawn[1][0]) and torch.equal(drawn[0][1], drawn[1][1])
    fixed, grown = buffers
    for name, column in fixed.columns.items():
        assert torch.equal(column, grown.columns[name]), name
    assert torch.equal(fixed.class_counts, grown.class_counts)


def test_added_columns_grow_with_their_fill():
    buffer = GrowingBuffer(12)
    buffer.add_column('td', fill=-1)
    buffer.extend({**make_batch(2), 'td': torch.tensor([0.5, 0.25])}, NeverAsked())
    buffer.add_column('late', (2,), torch.int64, fill=9)
    buffer.extend(make_batch(3), NeverAsked())
    assert buffer.columns['td'][:5].tolist() == [0.5, 0.25, -1, -1, -1]
    assert buffer.columns['late'][:5].tolist() == [[9, 9]] * 5
    # New slots hold no class, or the counts would be wrong once they are written.
    assert not buffer.columns['class_share'][5:].any()


@pytest.fixture
def lines(monkeypatch):
    """What the buffer logs."""
    logged = []
    monkeypatch.setattr(module, 'print_log', lambda line, logger: logged.append(line))
    return logged


def test_says_once_that_the_bound_is_reached(lines):
    buffer = GrowingBuffer(10)
    buffer.reserve((2, 2))
    for buffer.round in range(8):
        buffer.extend(make_batch(4), CrowdedWriter())
        assert len(lines) == (buffer.round >= 2), buffer.round
    assert re.search(r'bound of 10 samples \(capacity\).*CrowdedWriter', lines[0])


@pytest.mark.parametrize('rounds', [1, 2, 3])
def test_says_so_once_over_a_stop_too(lines, rounds):
    buffer = GrowingBuffer(8)
    for _ in range(rounds):
        buffer.extend(make_batch(4), OldestWriter())
    other = GrowingBuffer(8)
    other.load_state_dict(saved(buffer.state_dict()))
    for _ in range(3):
        other.extend(make_batch(4), OldestWriter())
    assert len(lines) == 1


def test_memory_may_be_the_lower_bound(lines):
    gib = 7.5 * 3 * 2 * 2 / 2**30
    buffer = GrowingBuffer(10, max_gib=gib)
    line = buffer.reserve((2, 2))
    assert '7 x 3 x 2 x 2 bytes' in line and f'max_gib={gib}' in line
    for _ in range(3):
        buffer.extend(make_batch(3), OldestWriter())
    assert buffer.capacity == len(buffer) == rows(buffer) == 7
    assert buffer.columns['image'].nbytes <= gib * 2**30
    assert f'7 samples (max_gib={gib})' in lines[0]


def test_reserve_says_how_far_it_grows():
    # 50,000 x 3 x 32 x 32 / 2^20 = 146.5 MiB
    assert GrowingBuffer(50_000).reserve((32, 32)) == (
        'The replay buffer grows to 50000 x 3 x 32 x 32 bytes = 146 MiB at most '
        '(bound: capacity).'
    )


def test_errors_name_the_numbers():
    with pytest.raises(ConfigError, match='max_gib=1e-06 holds no sample of 3 x 64 x 64'):
        GrowingBuffer(5, max_gib=1e-6).reserve((64, 64))
    with pytest.raises(ConfigError, match='GrowingBuffer: capacity=0'):
        GrowingBuffer(0)
    buffer = GrowingBuffer(5)
    with pytest.raises(ConfigError, match='GrowingBuffer: capacity=5.*batch of 6'):
        buffer.extend(make_batch(6), OldestWriter())
    assert rows(buffer) == 0  # refused before memory is taken
    with pytest.raises(ConfigError, match='capacity=9.*capacity 5'):
        GrowingBuffer(9).load_state_dict(buffer.state_dict())
    with pytest.raises(RuntimeError, match='the replay buffer is empty'):
        UniformSampler().sample(buffer, 1)


@pytest.mark.parametrize('stored', [2, 5, 9])  # growing, growing, at the bound
@pytest.mark.parametrize('used', [False, True])
def test_resumes_to_the_same_rows_and_draws(stored, used):
    buffer, sampler = GrowingBuffer(25), PrioritySampler()
    buffer.rng = torch.Generator().manual_seed(1)
    buffer.add_column('td', fill=-1)
    for buffer.round in range(stored):
        buffer.extend(make_batch(3, seed=buffer.round), CrowdedWriter())
        indices, _ = sampler.sample(buffer, 5)
        sampler.update(buffer, indices, torch.rand(5, generator=buffer.rng))
    state = saved(buffer.state_dict())
    assert len(state['columns']['image']) == min(3 * stored, 25)  # no room to spare

    other, again = GrowingBuffer(25), PrioritySampler()
    if used:  # what a buffer held before it was loaded must leave no trace
        other.extend({**make_batch(20, seed=77), 'own': torch.ones(20)}, OldestWriter())
    other.load_state_dict(state)
    other.rng = torch.Generator()
    other.rng.set_state(buffer.rng.get_state())
    for _ in range(6):
        for b in (buffer, other):
            b.round += 1
            b.extend(make_batch(3, seed=b.round), CrowdedWriter())
        (i, w), (j, v) = sampler.sample(buffer, 32), again.sample(other, 32)
        assert torch.equal(i, j) and torch.equal(w, v)
        for name, column in buffer[i].items():
            assert torch.equal(column, other[j][name]), name
        sampler.update(buffer, i, i.float())
        again.update(other, j, j.float())
    assert torch.equal(buffer.class_counts, other.class_counts)
    assert (other.class_counts - recount(other)).abs().max() < 1e-9


OPTIONS = NO_VAL | {
    'model.buffer': dict(_delete_=True, type='GrowingBuffer', capacity=40),
    'train_cfg.max_rounds': 6,
}


def test_a_run_says_so_in_its_log(tiny):
    cfg = tiny(OPTIONS)
    build_runner(cfg).train()
    (log,) = Path(cfg.work_dir).glob('*/*.log')
    assert len(re.findall('grown to its bound of 40 samples', log.read_text())) == 1
    assert log.read_text().count('The replay buffer grows to 40 x 3 x 16 x 16') == 1
    summary = json.loads((Path(cfg.work_dir) / 'summary.json').read_text())
    assert summary['buffer_samples'] == 40


@pytest.mark.parametrize('last', [2, 4])  # while it grows, and at the bound
def test_a_resumed_run_equals_one_that_was_not_stopped(tiny, last):
    cfg = tiny(OPTIONS | {'default_hooks.checkpoint.max_keep_ckpts': -1})
    check_resumed(cfg, last)
