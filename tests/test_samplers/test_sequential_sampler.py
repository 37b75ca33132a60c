"""Shuffled passes: each slot once, then the next pass, and a new one after a write."""

import itertools

import pytest
import torch
from scipy import stats

from ssdkd.buffers import ReplayBuffer
from ssdkd.samplers import SequentialSampler
from ssdkd.writers import OldestWriter


def batch(n):
    return dict(
        image=torch.zeros(n, 3, 1, 1), class_share=torch.ones(n, 1), confidence=torch.ones(n)
    )


def filled(n, capacity=50):
    buffer = ReplayBuffer(capacity)
    buffer.rng = torch.Generator().manual_seed(0)
    buffer.extend(batch(n), OldestWriter())
    return buffer


@pytest.mark.parametrize(
    'n', [1, 4, 7, 12, 30]
)  # dividing 12 or not, and two passes and a half
def test_each_slot_once_a_pass(n):
    buffer, sampler = filled(12), SequentialSampler()
    dealt = torch.cat([sampler.sample(buffer, n)[0] for _ in range(12)])
    assert len(dealt) == 12 * n
    passes = dealt.view(n, 12)
    assert torch.equal(passes.sort().values, torch.arange(12).expand(n, 12))
    assert buffer.columns['uses'][:12].tolist() == [n] * 12
    assert not buffer.columns['uses'][12:].any()
    if n > 1:
        assert not torch.equal(passes[0], passes[1])


def test_every_order_is_equally_likely():
    buffer, sampler = filled(4), SequentialSampler()
    orders = list(itertools.permutations(range(4)))
    counts = dict.fromkeys(orders, 0)
    for _ in range(4800):
        counts[tuple(sampler.sample(buffer, 4)[0].tolist())] += 1
    assert len(counts) == len(orders)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_weights_are_one():
    _, weights = SequentialSampler().sample(filled(5), 3)
    assert weights.dtype == torch.float32 and weights.tolist() == [1, 1, 1]


def test_a_write_ends_the_pass():
    buffer, sampler = filled(10), SequentialSampler()
    sampler.sample(buffer, 4)
    buffer.extend(batch(2), OldestWriter())
    indices, _ = sampler.sample(buffer, 12)
    assert indices.sort().values.tolist() == list(range(12))


def test_update_stores_divergence_for_the_writer():
    buffer = filled(4, 4)
    SequentialSampler().update(buffer, torch.tensor([2, 0]), torch.tensor([3.0, 0.5]))
    assert buffer.columns['priority'].tolist() == [0.5, 1, 3, 1]


def test_an_empty_buffer_has_nothing_to_deal():
    with pytest.raises(RuntimeError, match='the replay buffer is empty'):
        SequentialSampler().sample(ReplayBuffer(3), 1)


@pytest.mark.parametrize('draws', [0, 1, 2, 3])  # before, within, at the end, in the next pass
def test_resumes_within_a_pass(draws):
    buffer, sampler = filled(10), SequentialSampler()
    for _ in range(draws):
        sampler.sample(buffer, 5)
    other, again = ReplayBuffer(50), SequentialSampler()
    again.sample(filled(9), 4)  # what it dealt before must leave no trace
    other.load_state_dict(buffer.state_dict())
    again.load_state_dict(sampler.state_dict())
    other.rng = torch.Generator()
    other.rng.set_state(buffer.rng.get_state())
    for n in (3, 3, 20):
        assert torch.equal(sampler.sample(buffer, n)[0], again.sample(other, n)[0])


def test_the_state_is_a_snapshot():
    buffer, sampler = filled(10), SequentialSampler()
    sampler.sample(buffer, 4)
    state = sampler.state_dict()
    expected = state['order'].clone()
    sampler.sample(buffer, 5)
    assert torch.equal(state['order'], expected) and len(expected) == 6


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_deals_where_the_buffer_is():
    buffer, sampler = filled(10), SequentialSampler()
    buffer.rng = torch.Generator('cuda').manual_seed(0)
    buffer._home = 'cuda'
    buffer.extend(batch(2), OldestWriter())
    indices, weights = sampler.sample(buffer, 30)
    assert indices.is_cuda and weights.is_cuda
    state = {k: v.cpu() if torch.is_tensor(v) else v for k, v in sampler.state_dict().items()}
    sampler.load_state_dict(state)
    assert sampler.sample(buffer, 30)[0].is_cuda
