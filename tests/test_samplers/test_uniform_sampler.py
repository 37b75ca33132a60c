"""Uniform replay."""

import torch
from scipy import stats

from ssdkd.buffers import ReplayBuffer
from ssdkd.samplers import UniformSampler
from ssdkd.writers import OldestWriter


def filled(n, capacity):
    buffer = ReplayBuffer(capacity)
    buffer.rng = torch.Generator().manual_seed(0)
    batch = dict(
        image=torch.zeros(n, 3, 1, 1), class_share=torch.ones(n, 1), confidence=torch.ones(n)
    )
    buffer.extend(batch, OldestWriter())
    return buffer


def test_uniform_over_filled_slots():
    buffer = filled(30, 50)
    buffer.columns['priority'][:10] = 99
    indices, weights = UniformSampler().sample(buffer, 60_000)
    counts = indices.bincount(minlength=30)
    assert len(counts) == 30 and stats.chisquare(counts.numpy()).pvalue > 1e-3
    assert torch.equal(weights, torch.ones(60_000))
    assert torch.equal(buffer.columns['uses'][:30], counts)


def test_update_stores_divergence_for_the_writer():
    buffer = filled(4, 4)
    UniformSampler().update(buffer, torch.tensor([2, 0]), torch.tensor([3.0, 0.5]))
    assert buffer.columns['priority'].tolist() == [0.5, 1, 3, 1]
    assert buffer.max_priority == 3
