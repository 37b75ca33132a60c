"""A sampler or writer that breaks a rule is told which."""

import random

import pytest
import torch

from ssdkd.samplers import BaseSampler, SequentialSampler, UniformSampler
from ssdkd.testing import ContractError, check_sampler, check_writer
from ssdkd.writers import BaseWriter, OldestWriter


class NoSampler:
    pass


class DrawsFromNothing(UniformSampler):
    def sample(self, buffer, n):
        indices = (buffer.rand(n) * len(buffer)).long()
        return indices, torch.ones(n)


class FailsOnOne(UniformSampler):
    def sample(self, buffer, n):
        buffer.check_filled()
        torch.ones(len(buffer))[1]
        return super().sample(buffer, n)


class WithoutReplacement(UniformSampler):
    def sample(self, buffer, n):
        indices, weights = super().sample(buffer, n)
        return indices[: len(buffer)], weights[: len(buffer)]


class FloatIndices(UniformSampler):
    def sample(self, buffer, n):
        indices, weights = super().sample(buffer, n)
        return indices.float(), weights


class UnfilledSlots(UniformSampler):
    def sample(self, buffer, n):
        buffer.check_filled()
        indices = (buffer.rand(n) * buffer.capacity).long()
        buffer.count_use(indices)
        return indices, torch.ones(n)


class RanksOnce(UniformSampler):
    """Draws the samples of the highest priorities, as they were when it last looked."""

    ranks = version = None

    def sample(self, buffer, n):
        buffer.check_filled()
        if self.version != buffer.version:
            self.ranks = buffer.columns['priority'][: len(buffer)].argsort(descending=True)
            self.version = buffer.version
        indices = self.ranks.repeat(n // len(self.ranks) + 1)[:n]
        buffer.count_use(indices)
        return indices, torch.ones(n)

    def update(self, buffer, indices, divergence):
        """Leave the priorities alone."""


class ScalarWeight(UniformSampler):
    def sample(self, buffer, n):
        return super().sample(buffer, n)[0], torch.ones(())


class InfiniteWeights(UniformSampler):
    def sample(self, buffer, n):
        indices, weights = super().sample(buffer, n)
        return indices, weights / 0


class ZeroWeights(UniformSampler):
    def sample(self, buffer, n):
        indices, weights = super().sample(buffer, n)
        return indices, 0 * weights


class GradientOfWeights(UniformSampler):
    def sample(self, buffer, n):
        indices, weights = super().sample(buffer, n)
        return indices, weights.requires_grad_()


class UncountedUses(UniformSampler):
    def sample(self, buffer, n):
        buffer.check_filled()
        return (buffer.rand(n) * len(buffer)).long(), torch.ones(n)


class CannotUpdate(UniformSampler):
    def update(self, buffer, indices, divergence):
        raise KeyError('no')


class RewritesBirth(UniformSampler):
    def update(self, buffer, indices, divergence):
        buffer.columns['birth'][indices] += 1


class SpoiltByOverflow(UniformSampler):
    """Keeps divergences without a look at them."""

    def __init__(self):
        self.scale = torch.ones(())

    def sample(self, buffer, n):
        indices, weights = super().sample(buffer, n)
        return indices, weights * self.scale

    def update(self, buffer, indices, divergence):
        self.scale = 1 + divergence.mean()


class GlobalRandomness(UniformSampler):
    def sample(self, buffer, n):
        buffer.check_filled()
        indices = torch.randint(len(buffer), (n,))
        buffer.count_use(indices)
        return indices, torch.ones(n)


class PythonRandomness(UniformSampler):
    def sample(self, buffer, n):
        buffer.check_filled()
        indices = torch.tensor([random.randrange(len(buffer)) for _ in range(n)])
        buffer.count_use(indices)
        return indices, torch.ones(n)


class ForgetsItsPlace(SequentialSampler):
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class PicklesItself(SequentialSampler):
    def state_dict(self):
        return dict(sampler=self)


class CannotLoad(SequentialSampler):
    def load_state_dict(self, state):
        raise KeyError('missing')


SAMPLERS = {
    NoSampler: 'be a BaseSampler',
    DrawsFromNothing: 'refuse an empty buffer with a RuntimeError',
    FailsOnOne: 'draw 1 from 1 of 1 slots; raised IndexError',
    WithoutReplacement: r'return indices.* tensor \[5\]; got int64 \[1\]',
    FloatIndices: 'return indices.* as a int64 tensor .*; got float32',
    UnfilledSlots: 'draw filled slots only',
    ScalarWeight: 'return importance weights as a floating tensor',
    RanksOnce: 'draw by the current priorities',
    InfiniteWeights: 'return finite importance weights',
    ZeroWeights: 'return weights above 0',
    GradientOfWeights: 'return weights without gradient',
    UncountedUses: "count each slot's draws",
    CannotUpdate: 'take an update of 1 slots; raised KeyError',
    RewritesBirth: 'change nothing in the buffer but',
    SpoiltByOverflow: 'return finite importance weights',
    GlobalRandomness: 'draw with buffer.rng alone',
    PythonRandomness: 'draw with buffer.rng alone',
    ForgetsItsPlace: 'draw after load_state_dict as it would have',
    PicklesItself: 'have a state_dict of plain tensors and numbers',
    CannotLoad: 'load its own state_dict; raised KeyError',
}


@pytest.mark.parametrize('component', SAMPLERS)
def test_broken_sampler(component):
    rule = f'^{component.__name__} must {SAMPLERS[component]}'
    with pytest.raises(ContractError, match=rule) as error:
        check_sampler(component)
    assert '\n' not in str(error.value)


def test_arguments_and_functions_that_make_the_component():
    class Weighted(UniformSampler):
        def __init__(self, weight):
            self.weight = weight

        def sample(self, buffer, n):
            indices, weights = super().sample(buffer, n)
            return indices, self.weight * weights

    check_sampler(Weighted, weight=0.5)
    check_sampler(lambda: Weighted(0.5))
    with pytest.raises(ContractError, match='return weights above 0'):
        check_sampler(Weighted, weight=-1)
    with pytest.raises(ContractError, match='be built with these arguments; raised TypeError'):
        check_sampler(Weighted)
    with pytest.raises(ContractError, match='be built with these arguments'):
        check_sampler(BaseSampler)


def test_nothing_global_is_changed():
    states = torch.get_rng_state(), random.getstate()
    check_sampler(UniformSampler)
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]


class NoWriter(UniformSampler):
    pass


class FailsWhenFull(OldestWriter):
    def evict(self, buffer, batch, n):
        if n == len(buffer) > 1:
            raise ValueError('all?')
        return super().evict(buffer, batch, n)


class TooFew(OldestWriter):
    def evict(self, buffer, batch, n):
        return super().evict(buffer, batch, max(n - 1, 1))


class OneSlotTwice(OldestWriter):
    def evict(self, buffer, batch, n):
        return torch.zeros(n, dtype=torch.int64)


class FreeSlots(OldestWriter):
    def evict(self, buffer, batch, n):
        return torch.arange(n) + len(buffer)


class EmptiesTheBuffer(OldestWriter):
    def evict(self, buffer, batch, n):
        slots = super().evict(buffer, batch, n)
        buffer.columns['uses'][slots] = -1
        return slots


class ChangesTheBatch(OldestWriter):
    def evict(self, buffer, batch, n):
        batch['confidence'] = 0 * batch['confidence']
        return super().evict(buffer, batch, n)


class RandomOnItsOwn(BaseWriter):
    def evict(self, buffer, batch, n):
        return torch.randperm(len(buffer))[:n]


class Remembers(BaseWriter):
    """Goes on where it stopped, which no checkpoint knows."""

    next = 0

    def evict(self, buffer, batch, n):
        self.next += 1
        return (torch.arange(n) + self.next) % len(buffer)


WRITERS = {
    NoWriter: 'be a BaseWriter',
    FailsWhenFull: 'give up 8 of 8 slots; raised ValueError',
    TooFew: r'return slots, 4 of 8, as a int64 tensor \[4\]; got int64 \[3\]',
    OneSlotTwice: 'return distinct filled slots',
    FreeSlots: 'return distinct filled slots',
    EmptiesTheBuffer: 'change neither the buffer nor the batch',
    ChangesTheBatch: 'change neither the buffer nor the batch',
    RandomOnItsOwn: "decide from the buffer's columns and buffer.rng alone",
    Remembers: "decide from the buffer's columns and buffer.rng alone",
}


@pytest.mark.parametrize('component', WRITERS)
def test_broken_writer(component):
    with pytest.raises(ContractError, match=f'^{component.__name__} must {WRITERS[component]}'):
        check_writer(component)
