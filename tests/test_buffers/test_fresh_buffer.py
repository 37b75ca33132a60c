"""The fresh buffer: one round's samples, no teacher, no writer."""

import pytest
import torch
from batches import make_batch, saved

from ssdkd.buffers import FreshBuffer
from ssdkd.errors import ConfigError
from ssdkd.samplers import PrioritySampler, SequentialSampler, UniformSampler
from ssdkd.writers import BaseWriter


class NeverAsked(BaseWriter):
    def evict(self, buffer, batch, n):
        raise AssertionError('asked for slots')


def images(n, seed=0):
    return dict(image=make_batch(n, seed=seed)['image'])


def test_each_batch_replaces_all_that_was_stored():
    buffer = FreshBuffer(8)
    for buffer.round, n in enumerate((5, 8, 3, 8)):
        batch = images(n, seed=buffer.round)
        slots = buffer.extend(batch, NeverAsked())
        assert slots.tolist() == list(range(n)) and len(buffer) == n
        rows = buffer[slots]
        assert (rows['image'] - batch['image']).abs().max() <= 1 / 510 + 1e-6
        assert rows['birth'].tolist() == [buffer.round] * n
        assert rows['weight'].tolist() == [1] * n and rows['uses'].tolist() == [0] * n
        buffer.count_use(slots)
    assert buffer.version == 4


def test_asks_no_writer_and_wants_nothing_of_the_teacher():
    assert not FreshBuffer.needs_facts and not FreshBuffer.needs_writer
    buffer = FreshBuffer(4)
    buffer.extend(images(4), None)
    assert not {'class_share', 'confidence'} & buffer.columns.keys()
    assert buffer.class_counts.shape == (0,)


def test_memory_is_taken_once():
    buffer = FreshBuffer(6)
    buffer.extend(images(4), None)
    before = {name: column.data_ptr() for name, column in buffer.columns.items()}
    buffer.extend(images(6), None)
    assert before == {name: column.data_ptr() for name, column in buffer.columns.items()}


def test_added_columns_start_anew_with_each_batch():
    buffer = FreshBuffer(3)
    buffer.add_column('td', fill=-1)
    buffer.extend({**images(3), 'td': torch.tensor([1.0, 2.0, 3.0])}, None)
    assert buffer.columns['td'].tolist() == [1, 2, 3]
    buffer.extend(images(3), None)
    assert buffer.columns['td'].tolist() == [-1, -1, -1]


def test_errors_name_the_numbers():
    with pytest.raises(ConfigError, match='FreshBuffer: capacity=5.*batch of 6'):
        FreshBuffer(5).extend(images(6), None)
    with pytest.raises(ValueError, match="FreshBuffer: the batch has no 'image'"):
        FreshBuffer(5).extend(dict(confidence=torch.ones(2)), None)
    with pytest.raises(RuntimeError, match='the replay buffer is empty'):
        SequentialSampler().sample(FreshBuffer(5), 1)


def test_every_sample_is_dealt_exactly_once_a_round():
    buffer, sampler = FreshBuffer(12), SequentialSampler()
    buffer.rng = torch.Generator().manual_seed(0)
    orders = []
    for buffer.round in range(4):
        buffer.extend(images(12, seed=buffer.round), None)
        orders.append(torch.cat([sampler.sample(buffer, 4)[0] for _ in range(3)]))
        assert orders[-1].sort().values.tolist() == list(range(12))
        assert buffer.columns['uses'].tolist() == [1] * 12
    assert not torch.equal(orders[0], orders[1])


@pytest.mark.parametrize('sampler', [UniformSampler, PrioritySampler, SequentialSampler])
@pytest.mark.parametrize('used', [False, True])
def test_resumes_within_a_round(sampler, used):
    buffer, first = FreshBuffer(10), sampler()
    buffer.rng = torch.Generator().manual_seed(1)
    for buffer.round in range(2):
        buffer.extend(images(9 - buffer.round, seed=buffer.round), None)
    first.sample(buffer, 3)
    state = saved(dict(buffer=buffer.state_dict(), sampler=first.state_dict()))
    assert len(state['buffer']['columns']['image']) == 8

    other, second = FreshBuffer(10), sampler()
    if used:  # what it held before it was loaded must leave no trace
        other.extend(images(10, seed=77), None)
    other.load_state_dict(state['buffer'])
    second.load_state_dict(state['sampler'])
    other.rng = torch.Generator()
    other.rng.set_state(buffer.rng.get_state())
    for seed in (5, 6, 7):
        (i, w), (j, v) = first.sample(buffer, 6), second.sample(other, 6)
        assert torch.equal(i, j) and torch.equal(w, v)
        for name, column in buffer[i].items():
            assert torch.equal(column, other[j][name]), name
        for b, s in ((buffer, first), (other, second)):
            s.update(b, i, i.float())
            b.extend(images(10, seed=seed), None)
