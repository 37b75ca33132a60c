"""A buffer that breaks a rule is told which."""

import pytest
import torch

from ssdkd.buffers import FreshBuffer, ReplayBuffer
from ssdkd.testing import ContractError, check_buffer


class NoBuffer:
    def __init__(self, capacity):
        pass


class OtherCapacity(ReplayBuffer):
    def __init__(self, capacity):
        super().__init__(2 * capacity)


class ReadsNothing(ReplayBuffer):
    def check_filled(self):
        pass

    def __getitem__(self, indices):
        return super().__getitem__(indices) if self.size else {}


class NoUses(ReplayBuffer):
    def __init__(self, capacity):
        super().__init__(capacity)
        del self.columns['uses']


class SaysNothing(ReplayBuffer):
    def reserve(self, image_size):
        super().reserve(image_size)


class NeverTooLarge(ReplayBuffer):
    def reserve(self, image_size):
        return 'It will do.'


class FailsWhenFull(ReplayBuffer):
    def extend(self, batch, writer):
        if self.size == self.capacity:
            raise IndexError('full')
        return super().extend(batch, writer)


class ReturnsNothing(ReplayBuffer):
    def extend(self, batch, writer):
        super().extend(batch, writer)


class ReturnsOneSlot(ReplayBuffer):
    def extend(self, batch, writer):
        return super().extend(batch, writer) * 0


class NeverFuller(ReplayBuffer):
    def extend(self, batch, writer):
        slots = super().extend(batch, writer)
        self.size = max(slots.max().item() + 1, 3)
        return slots


class NoVersion(ReplayBuffer):
    def extend(self, batch, writer):
        slots = super().extend(batch, writer)
        self.version = 0
        return slots


class ChangesTheBatch(ReplayBuffer):
    def extend(self, batch, writer):
        batch['image'].mul_(0.5)
        return super().extend(batch, writer)


class IgnoresTheWriter(ReplayBuffer):
    def extend(self, batch, writer):
        writer = writer if not hasattr(writer, 'evicted') else self
        return super().extend(batch, writer)

    def evict(self, buffer, batch, n):
        return torch.arange(n)


class SpoilsOthers(ReplayBuffer):
    def extend(self, batch, writer):
        if self.size > 1:
            self.columns['uses'] += 1
        return super().extend(batch, writer)


class ShufflesRows(ReplayBuffer):
    def extend(self, batch, writer):
        return super().extend(batch, writer).flip(0)


class KeepsFloats(ReplayBuffer):
    def _allocate(self, batch):
        self.add_column('image', batch['image'].shape[1:], torch.float32)
        super()._allocate(batch)


class LosesConfidence(ReplayBuffer):
    def extend(self, batch, writer):
        return super().extend(batch | dict(confidence=0 * batch['confidence']), writer)


class FewColumns(ReplayBuffer):
    def __getitem__(self, indices):
        rows = super().__getitem__(indices)
        del rows['birth']
        return rows


class NoBirth(ReplayBuffer):
    def extend(self, batch, writer):
        slots = super().extend(batch, writer)
        self.columns['birth'][slots] = 0
        return slots


class PriorityOfOne(ReplayBuffer):
    def extend(self, batch, writer):
        slots = super().extend(batch, writer)
        self.columns['priority'][slots] = 1
        return slots


class CountsOnlyUp(ReplayBuffer):
    def extend(self, batch, writer):
        counts = self.class_counts
        slots = super().extend(batch, writer)
        if len(counts):
            self.class_counts = counts + batch['class_share'].double().sum(0)
        return slots


class GivesItsMemory(FreshBuffer):
    """Rows are views where the slots are in order."""

    def __getitem__(self, indices):
        rows = super().__getitem__(indices)
        if len(indices) == self.size + 1:
            self.cache = rows['image'].numpy()
        elif hasattr(self, 'cache'):
            rows['image'] = torch.from_numpy(self.cache)[: len(indices)]
        return rows


class TakesTooMany(FreshBuffer):
    def extend(self, batch, writer=None):
        return super().extend({k: v[: self.capacity] for k, v in batch.items()}, writer)


class TakesAnything(ReplayBuffer):
    def extend(self, batch, writer):
        if 'confidence' not in batch:
            batch = batch | dict(confidence=torch.ones(len(batch['image'])))
        return super().extend(batch, writer)


class NoColumns(ReplayBuffer):
    def add_column(self, name, shape=(), dtype=torch.float32, fill=0):
        if name == 'score':
            raise NotImplementedError
        super().add_column(name, shape, dtype, fill)


class NoFill(ReplayBuffer):
    def add_column(self, name, shape=(), dtype=torch.float32, fill=0):
        super().add_column(name, shape, dtype, 0 if name == 'score' else fill)


class OtherForm(ReplayBuffer):
    def add_column(self, name, shape=(), dtype=torch.float32, fill=0):
        if name == 'score':
            shape = (2,)
        super().add_column(name, shape, dtype, fill)


class DropsColumns(ReplayBuffer):
    def extend(self, batch, writer):
        return super().extend({k: v for k, v in batch.items() if k != 'score'}, writer)


class ForgetsPriorities(ReplayBuffer):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.max_priority.fill_(1)


class ForgetsFill(ReplayBuffer):
    """The same afterwards, but it goes on differently."""

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.loaded = True

    def extend(self, batch, writer):
        slots = super().extend(batch, writer)
        if hasattr(self, 'loaded'):
            self.max_priority += 1
        return slots


class SavesViews(ReplayBuffer):
    def state_dict(self):
        return super().state_dict() | dict(class_counts=self.class_counts)


class LosesSamples(ReplayBuffer):
    def deal(self, states, rank, world_size):
        return super().deal(states[:1], rank, world_size)


class KeepsOldest(ReplayBuffer):
    def deal(self, states, rank, world_size):
        for state in states:
            state['columns']['birth'] *= -1
        dealt = super().deal(states, rank, world_size)
        for columns in (dealt['columns'], *(state['columns'] for state in states)):
            columns['birth'] *= -1
        return dealt


class CountsItsPart(ReplayBuffer):
    def deal(self, states, rank, world_size):
        dealt = super().deal(states, rank, world_size)
        if 'class_share' in dealt['columns']:
            dealt['class_counts'] = dealt['columns']['class_share'].double().sum(0)
        return dealt


class PicklesItself(ReplayBuffer):
    def state_dict(self):
        return super().state_dict() | dict(kind=object())


BUFFERS = {
    NoBuffer: 'be a BaseBuffer',
    OtherCapacity: 'begin with capacity as given',
    ReadsNothing: 'refuse to read from an empty buffer',
    NoUses: "have the column 'uses'",
    SaysNothing: 'return one line for the log',
    NeverTooLarge: 'refuse in reserve',
    FailsWhenFull: 'write a batch of 1 into 1 of 1 slots; raised IndexError',
    ReturnsNothing: 'return the slots of a batch of 1 into 0 of 1 slots',
    ReturnsOneSlot: 'return the distinct filled slots of a batch of 4',
    NeverFuller: 'have size filled slots',
    NoVersion: 'add 1 to version in every extend',
    ChangesTheBatch: 'leave the batch that it is given as it is',
    IgnoresTheWriter: 'overwrite those slots that the writer gives up',
    SpoilsOthers: "leave rows alone that it does not overwrite, but changed column 'uses'",
    ShufflesRows: 'return copies of the images as they were written',
    KeepsFloats: 'store images as uint8',
    LosesConfidence: "return 'confidence' as it was written",
    FewColumns: 'return all columns from __getitem__',
    NoBirth: "give new samples .*; got 'birth'",
    PriorityOfOne: "give new samples .*; got 'priority'",
    CountsOnlyUp: 'keep class_counts the sum of class_share',
    GivesItsMemory: 'return copies of the images',
    TakesTooMany: 'refuse a batch larger than its capacity',
    TakesAnything: "refuse a batch without 'confidence'",
    NoColumns: 'take another column',
    NoFill: 'fill an added column',
    OtherForm: 'refuse, with a ConfigError, to add a column again',
    DropsColumns: 'store the added columns that a batch brings',
    ForgetsPriorities: 'be the same after load_state_dict',
    ForgetsFill: 'go on after load_state_dict',
    SavesViews: 'return copies in state_dict',
    LosesSamples: 'deal every sample once',
    KeepsOldest: 'deal the newest samples',
    CountsItsPart: 'deal class counts and the largest priority of all parts',
    PicklesItself: 'have a state_dict of plain tensors',
}


@pytest.mark.parametrize('component', BUFFERS)
def test_broken_buffer(component):
    with pytest.raises(ContractError, match=f'^{component.__name__} must {BUFFERS[component]}'):
        check_buffer(component)
