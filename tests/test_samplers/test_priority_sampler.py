"""Priority sampling: against numpy by hand, and statistically."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import rel_entr, softmax

from ssdkd.buffers import ReplayBuffer
from ssdkd.errors import ConfigError
from ssdkd.registry import SAMPLERS
from ssdkd.samplers import PrioritySampler
from ssdkd.samplers.priority import BLOCK
from ssdkd.tasks import Segmentation
from ssdkd.writers import OldestWriter

HAND = [0.5, 2.0, 0.0, 1.25, 3.0]


def make_batch(n):
    return dict(
        image=torch.zeros(n, 3, 1, 1), class_share=torch.ones(n, 1), confidence=torch.ones(n)
    )


def buffer_with(priorities, capacity=None, seed=0):
    priorities = torch.as_tensor(priorities, dtype=torch.float32)
    buffer = ReplayBuffer(capacity or len(priorities))
    buffer.rng = torch.Generator().manual_seed(seed)
    slots = buffer.extend(make_batch(len(priorities)), OldestWriter())
    buffer.set_priority(slots, priorities)
    return buffer


def probabilities(priorities, alpha, eps):
    mass = (np.abs(np.asarray(priorities, dtype=np.float64)) + eps) ** alpha
    return mass / mass.sum()


def random_priorities(n, seed=0):
    return np.random.default_rng(seed).exponential(size=n).astype(np.float32)


@pytest.mark.parametrize('alpha, beta', [(0.6, 0.4), (1, 1), (0.3, 0), (0, 0.7)])
def test_weights_by_hand(alpha, beta):
    buffer, sampler = buffer_with(HAND), PrioritySampler(alpha, beta, eps=0.01)
    indices, weights = sampler.sample(buffer, 50)
    expected = (5 * probabilities(HAND, alpha, 0.01)) ** -beta
    drawn = expected[indices.numpy()]
    np.testing.assert_allclose(buffer.columns['weight'][indices], drawn, rtol=1e-6)
    np.testing.assert_allclose(weights, drawn / drawn.max(), rtol=1e-6)
    raw = PrioritySampler(alpha, beta, eps=0.01, normalize=False)
    indices, weights = raw.sample(buffer, 50)
    np.testing.assert_allclose(weights, expected[indices.numpy()], rtol=1e-6)


@pytest.mark.parametrize('n, capacity', [(40, 40), (200, 500)])
def test_draws_follow_the_priorities(n, capacity):
    priorities = random_priorities(n) + 0.05
    buffer = buffer_with(priorities, capacity)
    indices, _ = PrioritySampler(alpha=0.6).sample(buffer, 100_000)
    counts = indices.bincount(minlength=n).numpy()
    assert len(counts) == n

    def pvalue(alpha):
        expected = probabilities(priorities, alpha, 1e-6) * 100_000
        return stats.chisquare(counts, expected).pvalue

    assert pvalue(0.6) > 1e-3
    assert pvalue(0.5) < 1e-6 and pvalue(0.7) < 1e-6


def test_alpha_zero_is_uniform():
    buffer = buffer_with(random_priorities(49))
    sampler = PrioritySampler(alpha=0, beta=0.7)
    indices, weights = sampler.sample(buffer, 100_000)
    assert stats.chisquare(indices.bincount(minlength=49).numpy()).pvalue > 1e-3
    assert torch.equal(weights, torch.ones(100_000))
    assert torch.equal(sampler._masses.view(-1)[:49], torch.ones(49, dtype=torch.float64))


def test_full_correction_is_unbiased():
    buffer = buffer_with(torch.linspace(0.2, 2, 100))
    value = torch.linspace(-1, 3, 100) ** 3

    def error(beta):
        indices, weights = PrioritySampler(1.0, beta, normalize=False).sample(buffer, 200_000)
        terms = weights * value[indices]
        return ((terms.mean() - value.mean()) / (terms.std() / 200_000**0.5)).abs()

    assert error(1.0) < 4
    assert error(0.0) > 20


def test_priority_is_stored_raw():
    buffer, sampler = buffer_with(HAND), PrioritySampler(0.5, 1.0, eps=0.01)
    indices, _ = sampler.sample(buffer, 1)
    weight = (5 * probabilities(HAND, 0.5, 0.01)[indices.item()]) ** -1
    sampler.update(buffer, indices, torch.tensor([4.0]))
    stored = buffer.columns['priority'][indices].item()
    assert stored == pytest.approx(weight * 4, rel=1e-6)
    changed = np.array(HAND)
    changed[indices.item()] = weight * 4
    masses = sampler._masses.view(-1)[:5].numpy()
    np.testing.assert_allclose(masses / masses.sum(), probabilities(changed, 0.5, 0.01), 1e-6)
    assert buffer.max_priority.item() == pytest.approx(max(3.0, weight * 4), rel=1e-6)


def test_new_sample_is_visited():
    priorities = np.full(300, 1e-3)
    priorities[0] = 5
    buffer, sampler = buffer_with(priorities, 301), PrioritySampler()
    sampler.sample(buffer, 10)
    slot = buffer.extend(make_batch(1), OldestWriter())
    assert buffer.columns['priority'][slot] == 5
    indices, _ = sampler.sample(buffer, 200)
    assert slot in indices


def test_uses_count_duplicates():
    buffer = buffer_with([100.0, 1e-6, 1e-6])
    sampler = PrioritySampler(alpha=1)
    total = torch.zeros(3, dtype=torch.int64)
    for _ in range(3):
        total += sampler.sample(buffer, 64)[0].bincount(minlength=3)
    assert torch.equal(buffer.columns['uses'], total) and total[0] > 150


def test_beta_is_annealed_and_resumed():
    buffer = buffer_with(HAND)
    sampler = PrioritySampler(beta=0.4, beta_end=1.0, beta_steps=3)
    seen = []
    for _ in range(5):
        seen.append(sampler.beta)
        sampler.sample(buffer, 4)
    assert seen == pytest.approx([0.4, 0.6, 0.8, 1.0, 1.0])
    assert sampler.state_dict() == dict(draws=5)
    other = PrioritySampler(beta=0.4, beta_end=1.0, beta_steps=3)
    other.load_state_dict(dict(draws=2))
    assert other.beta == pytest.approx(0.8)
    assert PrioritySampler(beta=0.3).beta == 0.3


def test_segmentation_batches_against_numpy():
    """P and w of three draws, whose priorities are w times the mean KL of the pixels."""
    buffer, sampler = buffer_with([1.0] * 20), PrioritySampler(0.7, 0.5, 0.9, 3, eps=1e-3)
    rng = np.random.default_rng(0)
    teacher = torch.from_numpy(rng.normal(0, 2, size=(20, 3, 4, 5)))
    weight, delta = np.ones(20), np.ones(20)
    for draw in range(3):
        student = torch.from_numpy(rng.normal(0, 2, size=(20, 3, 4, 5)))
        chance = probabilities(delta, 0.7, 1e-3)
        indices, weights = sampler.sample(buffer, 12)
        i, beta = indices.numpy(), 0.5 + 0.4 * draw / 3
        np.testing.assert_allclose(
            (sampler._masses / sampler._sums.sum()).view(-1)[:20], chance, rtol=1e-5
        )
        weight[i] = (20 * chance[i]) ** -beta
        np.testing.assert_allclose(weights, weight[i] / weight[i].max(), rtol=1e-5)

        divergence = Segmentation(3).divergence(student[indices], teacher[indices], 2.0)
        sampler.update(buffer, indices, divergence)
        p, q = (softmax(z.numpy()[i] / 2, 1) for z in (teacher, student))
        delta[i] = weight[i] * (4 * rel_entr(p, q).sum(1)).mean((1, 2))
        np.testing.assert_allclose(buffer.columns['priority'], delta, rtol=1e-4)


@pytest.mark.parametrize('alpha', [0.6, 1.0])
def test_draws_after_a_segmentation_update(alpha):
    """Slots are drawn as often as their pixels' divergence says."""
    buffer, sampler = buffer_with([1.0] * 30), PrioritySampler(alpha, beta=0.0)
    rng = np.random.default_rng(1)
    student, teacher = (torch.from_numpy(rng.normal(size=(30, 4, 3, 3))) for _ in range(2))
    student = teacher + torch.linspace(0.2, 2, 30).view(-1, 1, 1, 1) * student
    sampler.sample(buffer, 1)
    everywhere = torch.arange(30)
    sampler.update(buffer, everywhere, Segmentation(4).divergence(student, teacher, 1.0))
    indices, _ = sampler.sample(buffer, 100_000)
    p, q = (softmax(z.numpy(), 1) for z in (teacher, student))
    expected = probabilities(rel_entr(p, q).sum(1).mean((1, 2)), alpha, 1e-6) * 100_000
    counts = indices.bincount(minlength=30).numpy()
    assert stats.chisquare(counts, expected).pvalue > 1e-3


@pytest.mark.parametrize(
    'filled, capacity', [(1, 1), (BLOCK, BLOCK), (BLOCK + 1, 900), (777, 777), (640, 900)]
)
def test_sums_after_updates_equal_a_rebuild(filled, capacity):
    buffer = buffer_with(random_priorities(filled), capacity)
    sampler = PrioritySampler()
    for step in range(30):
        indices, _ = sampler.sample(buffer, 50)
        assert indices.min() >= 0 and indices.max() < filled
        sampler.update(buffer, indices, torch.rand(50, generator=buffer.rng))
        if step == 20 and filled < capacity:  # the next draw must see the new rows
            buffer.extend(make_batch(3), OldestWriter())
            filled += 3
    priorities = buffer.columns['priority'][:filled].numpy().astype(np.float64)
    masses = sampler._masses.view(-1).numpy()
    np.testing.assert_allclose(masses[:filled], (priorities + 1e-6) ** 0.6, rtol=1e-12)
    assert (masses[filled:] == 0).all()
    fresh = PrioritySampler()
    fresh.sample(buffer, 1)
    assert torch.equal(fresh._masses, sampler._masses)
    assert torch.equal(fresh._sums, sampler._sums)
    np.testing.assert_allclose(sampler._sums.cumsum(0)[-1], masses.sum(), rtol=1e-12)


def test_priorities_set_between_two_draws_count_at_once():
    buffer = buffer_with(torch.ones(200))
    sampler = PrioritySampler(alpha=1, beta=0)
    sampler.sample(buffer, 100)
    buffer.set_priority(torch.tensor([70]), torch.tensor([1800.0]))
    sampler.update(buffer, torch.tensor([3]), torch.ones(1))  # of another slot
    indices, _ = sampler.sample(buffer, 20_000)
    drawn = (indices == 70).sum().item()
    assert stats.binomtest(drawn, 20_000, 1800 / (1800 + 199)).pvalue > 1e-3


def test_two_levels_equal_one_cumulative_sum():
    buffer = buffer_with(random_priorities(1000), 1500)
    sampler = PrioritySampler()
    state = buffer.rng.get_state()
    indices, _ = sampler.sample(buffer, 5000)
    buffer.rng.set_state(state)
    ends = np.cumsum((random_priorities(1000).astype(np.float64) + 1e-6) ** 0.6)
    u = buffer.rand(5000).numpy() * ends[-1]
    np.testing.assert_array_equal(indices, np.searchsorted(ends, u, side='right'))


@pytest.mark.parametrize('u', [0.0, 1 - 2**-53, 1.0, 1.0 + 1e-9])
@pytest.mark.parametrize('n', [1, 63, 64, 65, 200])
def test_rounding_never_leaves_the_filled_slots(u, n, monkeypatch):
    buffer = buffer_with(random_priorities(n), 300)
    monkeypatch.setattr(buffer, 'rand', lambda k: torch.full((k,), u, dtype=torch.float64))
    indices, weights = PrioritySampler().sample(buffer, 4)
    assert (indices == (0 if u == 0 else n - 1)).all() and weights.isfinite().all()


def test_block_without_divergence_is_hardly_drawn():
    priorities = torch.ones(4 * BLOCK)
    priorities[BLOCK : 2 * BLOCK] = 0
    buffer = buffer_with(priorities)
    indices, weights = PrioritySampler(alpha=1, eps=1e-12).sample(buffer, 20_000)
    assert not (indices // BLOCK == 1).any() and weights.isfinite().all()


def test_million_slots_are_drawn_evenly():
    # In float32 a cumulative sum of a million masses loses whole slots.
    buffer = buffer_with(torch.full((1_000_000,), 0.1))
    indices, _ = PrioritySampler().sample(buffer, 100_000)
    counts = (indices // 10_000).bincount(minlength=100).numpy()
    assert stats.chisquare(counts).pvalue > 1e-3
    assert abs(len(indices.unique()) - 95_163) < 400  # M (1 - exp(-n / M))


def test_two_buffers_and_one_sampler():
    first, second = buffer_with([1.0, 1e-9]), buffer_with([1e-9, 1.0])
    sampler = PrioritySampler(alpha=1, eps=1e-9)
    for _ in range(2):
        assert (sampler.sample(first, 20)[0] == 0).all()
        assert (sampler.sample(second, 20)[0] == 1).all()


def test_update_carries_no_gradient():
    buffer, sampler = buffer_with(HAND), PrioritySampler()
    indices, _ = sampler.sample(buffer, 3)
    sampler.update(buffer, indices, torch.ones(3, requires_grad=True) * 2)
    assert not buffer.columns['priority'].requires_grad
    assert not buffer.max_priority.requires_grad


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(alpha=-0.1), r'alpha=-0.1 must lie in \[0, 1\]'),
        (dict(alpha=float('nan')), 'alpha=nan'),
        (dict(beta=1.5), r'beta=1.5 must lie in \[0, 1\]'),
        (dict(beta_end=2, beta_steps=5), 'beta_end=2'),
        (dict(beta_end=1.0), 'beta_steps=None must be given together'),
        (dict(beta_steps=10), 'beta_end=None'),
        (dict(beta_end=1.0, beta_steps=0), 'beta_steps=0 must be at least 1'),
        (dict(eps=0), 'eps=0 must be above 0'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SAMPLERS.build(dict(type='PrioritySampler', **arguments))
