"""The contract, the formulas, unbiased weights, and that the policy follows the reward."""

import numpy as np
import pytest
import torch

from projects.bandit_sampler.sampler import BanditSampler
from ssdkd.buffers import FreshBuffer
from ssdkd.errors import ConfigError
from ssdkd.testing import check_sampler, filled_buffer

CLASSES = 4


def test_contract():
    check_sampler(BanditSampler)


def make_world(size=200):
    """A buffer of that many slots of four classes in turn."""
    buffer = filled_buffer(size, size)
    of_class = torch.arange(size) % CLASSES
    buffer.columns['class_share'] = torch.eye(CLASSES)[of_class]
    return buffer, of_class, torch.full((size,), 100.0)


def live(sampler, world, good, steps, seed=0):
    """Steps after which slots of class ``good`` are better known, the others by chance only.

    Returns the share of draws that went to each class in the last hundred steps.
    """
    buffer, of_class, divergence = world
    rng = torch.Generator().manual_seed(seed)
    drawn = []
    for _ in range(steps):
        indices, _ = sampler.sample(buffer, 32)
        noise = 0.3 * torch.randn(32, generator=rng)
        sampler.update(buffer, indices, divergence[indices] + noise)
        divergence -= 0.1 * (of_class == good) * torch.bincount(indices, minlength=len(buffer))
        drawn.append(of_class[indices])
    return torch.cat(drawn[-100:]).bincount(minlength=CLASSES) / (100 * 32)


def test_prefers_the_arm_that_rewards_and_follows_it():
    sampler, world = BanditSampler(), make_world()
    first = live(sampler, world, good=1, steps=300)
    assert first[1] > 0.35 and first[1] > 1.5 * first[[0, 2, 3]].max()
    then = live(sampler, world, good=2, steps=600)
    assert then[2] > 0.35 and then[2] > 1.5 * then[[0, 1, 3]].max()


def test_without_reward_it_prefers_nothing():
    shares = live(BanditSampler(), make_world(), good=None, steps=300)
    assert (shares - 0.25).abs().max() < 0.1


def test_weights_are_unbiased_and_bounded():
    """Weighted means of what was drawn are the means over all slots, whatever was learned."""
    sampler, world = BanditSampler(exploration=0.2), make_world()
    live(sampler, world, good=1, steps=300)
    buffer, of_class, _ = world
    n = 100_000
    indices, weights = sampler.sample(buffer, n)
    assert weights.max() <= 1 / 0.2 + 1e-5
    for k in range(CLASSES):
        sample = (weights * (of_class[indices] == k)).double()
        error = (sample.mean() - 0.25) / (sample.std() / n**0.5)
        assert error.abs() < 4.5
    plain = (of_class[indices] == 1).double().mean()
    assert plain > 0.35  # so that there was a bias to correct


def test_formulas():
    """Two rounds of rewards against plain numpy."""
    sampler = BanditSampler(bins=2, temperature=0.5, exploration=0.3, forgetting=0.1, prior=4)
    buffer = filled_buffer(8, 8)
    of_class = buffer.columns['class_share'].argmax(1).numpy()
    number, total, square = np.zeros((3, 2 * 4))
    arm_before, divergence_before = {}, {}
    for step in range(12):
        priority = buffer.columns['priority'].numpy().copy()
        arms = (priority >= np.sort(priority)[4]) + 2 * of_class
        mean = total.sum() / max(number.sum(), 1e-9)
        deviation = np.sqrt(max(square.sum() / max(number.sum(), 1e-9) - mean**2, 1e-24))
        q = (total - mean * number) / (number + 4) / deviation
        policy = np.exp(q[arms] / 0.5)
        p = 0.7 * policy / policy.sum() + 0.3 / 8

        indices, weights = sampler.sample(buffer, 5)
        np.testing.assert_allclose(weights, 1 / (8 * p[indices.numpy()]), rtol=1e-5)
        # One value a slot, as one network gives in one step.
        divergence = torch.rand(8, generator=torch.Generator().manual_seed(step))[indices]
        sampler.update(buffer, indices, divergence)
        number, total, square = 0.9 * number, 0.9 * total, 0.9 * square
        for i, d in zip(indices.tolist(), divergence.tolist()):
            if i in arm_before:
                reward = divergence_before[i] - d
                number[arm_before[i]] += 1
                total[arm_before[i]] += reward
                square[arm_before[i]] += reward**2
        for i, d in zip(indices.tolist(), divergence.tolist()):
            arm_before[i], divergence_before[i] = arms[i], d
    assert number.max() > 1


def test_a_new_sample_in_an_old_slot_earns_nothing():
    sampler, buffer = BanditSampler(bins=1), filled_buffer(1, 1)
    for new in (False, True):
        sampler.sample(buffer, 1)
        sampler.update(buffer, torch.tensor([0]), torch.tensor([2.0]))
        buffer.columns['uses'].zero_()  # as extend() does
        assert sampler.state_dict()['rewards'].sum() == 0, new


def test_overflown_divergence_earns_nothing():
    sampler, buffer = BanditSampler(bins=1), filled_buffer(1, 1)
    for value in (1.0, float('nan'), float('inf')):
        sampler.sample(buffer, 1)
        sampler.update(buffer, torch.tensor([0]), torch.tensor([value]))
    assert sampler.state_dict()['rewards'].sum() == 0


def test_without_classes_the_arms_are_difficulties():
    buffer = FreshBuffer(6)
    buffer.rng = torch.Generator().manual_seed(0)
    buffer.extend(dict(image=torch.rand(6, 3, 2, 2)), None)
    buffer.columns['priority'][:] = torch.tensor([5.0, 0.0, 4.0, 1.0, 3.0, 2.0])
    assert BanditSampler(bins=3).arms(buffer).tolist() == [2, 0, 2, 0, 1, 1]


@pytest.mark.parametrize(
    'key, value',
    [('bins', 0), ('temperature', 0), ('exploration', 0), ('forgetting', 1), ('prior', 0)],
)
def test_arguments_out_of_range(key, value):
    with pytest.raises(ConfigError, match=f'{key}={value} must be'):
        BanditSampler(**{key: value})
