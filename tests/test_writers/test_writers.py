"""Which slots the writers give up."""

import pytest
import torch
from scipy import stats

from ssdkd.buffers import ReplayBuffer
from ssdkd.errors import ConfigError
from ssdkd.registry import WRITERS
from ssdkd.writers import CrowdedWriter, OldestWriter, RandomWriter
from ssdkd.writers.crowded import average_rank


def batch_of(classes, k, confidence=None):
    n = len(classes)
    return dict(
        image=torch.zeros(n, 3, 1, 1),
        class_share=torch.eye(k)[torch.as_tensor(classes)],
        confidence=torch.ones(n) if confidence is None else torch.as_tensor(confidence),
    )


def full_buffer(classes, k, confidence=None):
    buffer = ReplayBuffer(len(classes))
    buffer.rng = torch.Generator().manual_seed(0)
    buffer.extend(batch_of(classes, k, confidence), OldestWriter())
    return buffer


@pytest.mark.parametrize('name', ['OldestWriter', 'RandomWriter', 'CrowdedWriter'])
@pytest.mark.parametrize('n', [1, 5, 12])
def test_distinct_filled_slots(name, n):
    writer = WRITERS.build(dict(type=name))
    buffer = ReplayBuffer(20)
    buffer.extend(batch_of([i % 3 for i in range(12)], 3), writer)
    slots = writer.evict(buffer, batch_of([0] * n, 3), n)
    assert slots.dtype == torch.int64 and slots.shape == (n,)
    assert len(set(slots.tolist())) == n and slots.min() >= 0 and slots.max() < 12


def test_oldest_first():
    buffer = full_buffer([0] * 6, 2)
    buffer.columns['birth'][:] = torch.tensor([5, 2, 2, 9, 1, 7])
    assert OldestWriter().evict(buffer, {}, 4).tolist() == [4, 1, 2, 0]


def test_random_is_uniform():
    buffer, counts = full_buffer([0] * 20, 2), torch.zeros(20)
    for _ in range(2000):
        counts[RandomWriter().evict(buffer, {}, 5)] += 1
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_random_follows_the_generator():
    draws = [RandomWriter().evict(full_buffer([0] * 20, 2), {}, 5) for _ in range(2)]
    assert torch.equal(*draws)


def test_average_rank():
    values = torch.tensor([3.0, 1, 3, 2, 9])
    assert average_rank(values).tolist() == [2.5 / 4, 0, 2.5 / 4, 1 / 4, 1]
    assert average_rank(torch.ones(5)).tolist() == [0.5] * 5
    assert average_rank(torch.ones(1)).tolist() == [0]


def test_crowded_levels_from_the_top():
    # stored 5, 3, 1 and incoming 0, 1, 2 are 5, 4, 3; without three: 3, 3, 3.
    buffer = full_buffer([0] * 5 + [1] * 3 + [2], 3)
    slots = CrowdedWriter().evict(buffer, batch_of([1, 2, 2], 3), 3)
    assert sorted(buffer.columns['class_share'][slots].argmax(1).tolist()) == [0, 0, 1]


def test_crowded_takes_only_what_is_stored():
    # The excess is all in the batch: 1 + 4 of class 0 against 3 + 0 of class 1.
    buffer = full_buffer([0, 1, 1, 1], 2)
    slots = CrowdedWriter().evict(buffer, batch_of([0] * 4, 2), 3)
    assert sorted(buffer.columns['class_share'][slots].argmax(1).tolist()) == [0, 1, 1]
    assert sorted(CrowdedWriter().evict(buffer, batch_of([0] * 4, 2), 4).tolist()) == [
        0,
        1,
        2,
        3,
    ]


def test_crowded_least_useful_first_by_hand():
    buffer = full_buffer([0, 0, 0, 0, 1], 2, confidence=[0.9, 0.2, 0.8, 0.5, 0.1])
    buffer.columns['priority'][:] = torch.tensor([0.1, 9.0, 2.0, 3.0, 4.0])
    buffer.columns['birth'][:] = torch.tensor([3, 0, 1, 2, 4])
    incoming = batch_of([1], 2)
    # Ranks times 4: priority 0 4 1 2 3, birth 3 0 1 2 4, confidence 4 1 3 2 0.
    sums = torch.tensor([7, 5, 5, 6, 7]) / 4
    assert torch.allclose(CrowdedWriter().usefulness(buffer).float(), sums)
    assert CrowdedWriter().evict(buffer, incoming, 2).tolist() == [1, 2]  # a tie: slot order
    assert CrowdedWriter(1, 0, 0).evict(buffer, incoming, 1).tolist() == [0]
    assert CrowdedWriter(0, 1, 0).evict(buffer, incoming, 1).tolist() == [1]
    assert CrowdedWriter(0, 0, 2).evict(buffer, incoming, 2).tolist() == [1, 3]


def test_crowded_takes_the_least_useful_among_equal_classes():
    buffer = full_buffer([0, 0, 1, 1, 2, 2], 3, confidence=[0.9, 0.8, 0.7, 0.6, 0.4, 0.5])
    assert CrowdedWriter().evict(buffer, batch_of([0, 1, 2], 3), 2).tolist() == [4, 3]


def test_early_noise_is_overwritten_although_its_priority_is_highest():
    buffer = full_buffer([0] * 10, 2, confidence=[0.3] * 3 + [0.9] * 7)
    buffer.columns['priority'][:] = torch.tensor([9.0] * 3 + [1.0] * 7)
    buffer.columns['birth'][:] = torch.tensor([0] * 3 + [5] * 7)
    incoming = batch_of([1] * 3, 2)
    assert CrowdedWriter().evict(buffer, incoming, 3).tolist() == [0, 1, 2]
    only_priority = CrowdedWriter(age_weight=0, confidence_weight=0)
    assert not {0, 1, 2} & set(only_priority.evict(buffer, incoming, 3).tolist())


def test_eviction_follows_updated_priorities():
    buffer = full_buffer([0] * 6, 2)
    writer = CrowdedWriter(age_weight=0, confidence_weight=0)
    buffer.set_priority(torch.arange(6), torch.tensor([5.0, 4, 3, 2, 1, 6]))
    assert writer.evict(buffer, batch_of([1], 2), 2).tolist() == [4, 3]
    buffer.set_priority(torch.tensor([4, 0]), torch.tensor([8.0, 0.5]))
    assert writer.evict(buffer, batch_of([1], 2), 2).tolist() == [0, 3]


def test_crowded_restores_balance():
    stored = [43, 1739, 210, 402, 655, 91, 870, 130, 540, 320]
    buffer = full_buffer([c for c, count in enumerate(stored) for _ in range(count)], 10)
    writer = CrowdedWriter()
    ratios = []
    for buffer.round in range(1, 21):
        buffer.extend(batch_of(list(range(10)) * 20, 10), writer)
        ratios.append((buffer.class_counts.max() / buffer.class_counts.min()).item())
    assert ratios[0] > 5 and ratios[-1] <= 1.5
    assert ratios == sorted(ratios, reverse=True)


def test_crowded_takes_histograms():
    buffer = full_buffer([0] * 4, 2)
    buffer.columns['class_share'][:] = torch.tensor(
        [[0.6, 0.4], [0.3, 0.7], [0.8, 0.2], [1, 0]]
    )
    slots = CrowdedWriter().evict(buffer, batch_of([1], 2), 1)
    assert slots.tolist() == [0]


@pytest.mark.parametrize('name', ['priority_weight', 'age_weight', 'confidence_weight'])
@pytest.mark.parametrize('value', [-0.1, float('nan'), float('inf')])
def test_weights_are_checked(name, value):
    with pytest.raises(ConfigError, match=f'{name}={value}'):
        CrowdedWriter(**{name: value})
