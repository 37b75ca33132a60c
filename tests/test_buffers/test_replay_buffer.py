"""The replay buffer: what is stored, counted, saved and refused."""

import re

import numpy as np
import pytest
import torch
from batches import K, make_batch, recount, saved
from hypothesis import given, settings
from hypothesis import strategies as st

from ssdkd.buffers import ReplayBuffer
from ssdkd.errors import ConfigError
from ssdkd.registry import BUFFERS
from ssdkd.samplers import PrioritySampler, UniformSampler
from ssdkd.writers import BaseWriter, CrowdedWriter, OldestWriter, RandomWriter


def test_built_from_config():
    buffer = BUFFERS.build(dict(type='ReplayBuffer', capacity=7))
    assert isinstance(buffer, ReplayBuffer) and buffer.capacity == 7 and len(buffer) == 0


def test_new_rows():
    buffer = ReplayBuffer(8)
    buffer.round = 3
    batch = make_batch(5)
    slots = buffer.extend(batch, OldestWriter())
    assert slots.tolist() == [0, 1, 2, 3, 4] and len(buffer) == 5 and buffer.version == 1
    rows = buffer[slots]
    assert rows['priority'].tolist() == [1] * 5 and rows['weight'].tolist() == [1] * 5
    assert rows['birth'].tolist() == [3] * 5 and rows['uses'].tolist() == [0] * 5
    assert torch.equal(rows['class_share'], batch['class_share'])
    assert torch.equal(rows['confidence'], batch['confidence'])
    assert buffer.columns['image'].dtype == torch.uint8


def test_a_column_that_a_checkpoint_of_before_lacks():
    old = ReplayBuffer(8)
    old.extend(make_batch(3), OldestWriter())
    buffer = ReplayBuffer(8)
    buffer.load_state_dict(old.state_dict())
    buffer.extend(make_batch(2) | dict(target=torch.tensor([5, 7])), OldestWriter())
    assert buffer.columns['target'][:5].tolist() == [0, 0, 0, 5, 7]


def test_a_batch_whose_rows_have_another_form():
    buffer = ReplayBuffer(8)
    buffer.extend(make_batch(2) | dict(latent=torch.ones(2, 4)), OldestWriter())
    before = buffer.state_dict()
    message = r"column 'latent' has rows of shape \[4\], but the batch has rows of shape \[5\]"
    with pytest.raises(ConfigError, match=message):
        buffer.extend(make_batch(2) | dict(latent=torch.ones(2, 5)), OldestWriter())
    assert buffer.state_dict().keys() == before.keys() and len(buffer) == 2


def test_quantisation_error():
    image = torch.linspace(0, 1, 3 * 40 * 40).view(1, 3, 40, 40)
    buffer = ReplayBuffer(1)
    slots = buffer.extend({**make_batch(1), 'image': image}, OldestWriter())
    stored = buffer[slots]['image']
    assert (stored - image).abs().max() <= 1 / 510 + 1e-6
    assert stored.min() == 0 and stored.max() == 1


def test_image_outside_range_is_clamped():
    buffer = ReplayBuffer(2)
    batch = make_batch(2)
    batch['image'][0], batch['image'][1] = -0.3, 1.4
    image = buffer[buffer.extend(batch, OldestWriter())]['image']
    assert image[0].max() == 0 and image[1].min() == 1


def test_wrap_around_when_batch_does_not_divide_capacity():
    buffer, writer = ReplayBuffer(10), OldestWriter()
    written = []
    for buffer.round in range(6):
        batch = make_batch(4, seed=buffer.round)
        slots = buffer.extend(batch, writer)
        written.append(slots.tolist())
        assert torch.equal(buffer[slots]['confidence'], batch['confidence'])
    assert written[2] == [8, 9, 0, 1]
    assert len(buffer) == 10
    assert buffer.columns['birth'].bincount(minlength=6).tolist() == [0, 0, 0, 2, 4, 4]


def test_memory_is_taken_once():
    buffer, writer = ReplayBuffer(6), OldestWriter()
    buffer.extend(make_batch(4), writer)
    before = {name: column.data_ptr() for name, column in buffer.columns.items()}
    buffer.extend(make_batch(4, seed=1), writer)
    assert before == {name: column.data_ptr() for name, column in buffer.columns.items()}


def test_caller_cannot_change_what_is_stored():
    buffer, batch = ReplayBuffer(3), make_batch(3)
    slots = buffer.extend(batch, OldestWriter())
    confidence = batch['confidence'].clone()
    batch['confidence'].zero_()
    buffer[slots]['confidence'].zero_()
    assert torch.equal(buffer[slots]['confidence'], confidence)


def test_errors_name_the_numbers():
    with pytest.raises(ConfigError, match='capacity=5.*batch of 6'):
        ReplayBuffer(5).extend(make_batch(6), OldestWriter())
    for capacity in (0, -1, 2.5, True, '9'):
        with pytest.raises(ConfigError, match='capacity='):
            ReplayBuffer(capacity)
    with pytest.raises(ConfigError, match="device='nowhere'"):
        ReplayBuffer(5, device='nowhere')
    with pytest.raises(ValueError, match="no 'confidence'"):
        batch = make_batch(3)
        del batch['confidence']
        ReplayBuffer(5).extend(batch, OldestWriter())
    with pytest.raises(ValueError, match="'confidence' has 1 rows"):
        ReplayBuffer(5).extend({**make_batch(3), 'confidence': torch.ones(1)}, OldestWriter())


def test_empty_buffer_raises_named_error():
    buffer = ReplayBuffer(5)
    for read in (
        lambda: buffer[torch.tensor([0])],
        lambda: UniformSampler().sample(buffer, 2),
        lambda: PrioritySampler().sample(buffer, 2),
    ):
        with pytest.raises(RuntimeError, match='the replay buffer is empty'):
            read()


@pytest.mark.parametrize('answer', [[0, 0], [0], [0, 1, 2]])
def test_wrong_writer_is_caught(answer):
    class Wrong(BaseWriter):
        def evict(self, buffer, batch, n):
            return torch.tensor(answer)

    buffer = ReplayBuffer(4)
    buffer.extend(make_batch(4), Wrong())
    with pytest.raises(RuntimeError, match='Wrong.evict must return 2 distinct slots'):
        buffer.extend(make_batch(2), Wrong())


def test_writer_sees_whole_stored_rows():
    class Spy(BaseWriter):
        def evict(self, buffer, batch, n):
            self.batch = batch
            return torch.arange(n)

    buffer, spy = ReplayBuffer(4), Spy()
    buffer.extend(make_batch(3), spy)
    buffer.extend(make_batch(3), spy)
    assert spy.batch.keys() == buffer.columns.keys()
    assert all(len(rows) == 3 for rows in spy.batch.values())
    assert spy.batch['image'].dtype == torch.uint8


def test_new_sample_takes_largest_priority_ever():
    buffer = ReplayBuffer(4)
    buffer.extend(make_batch(4), OldestWriter())
    buffer.set_priority(torch.tensor([0, 1]), torch.tensor([5.0, -7.0]))
    assert buffer.columns['priority'].tolist() == [5, 7, 1, 1] and buffer.max_priority == 7
    buffer.set_priority(torch.tensor([1]), torch.tensor([2.0]))
    slots = buffer.extend(make_batch(1), OldestWriter())
    assert buffer[slots]['priority'].tolist() == [7]


def test_batch_does_not_decide_what_the_buffer_keeps_itself():
    buffer = ReplayBuffer(4)
    source = buffer.extend(make_batch(2), OldestWriter())
    buffer.count_use(source)
    rows = {**buffer[source], 'priority': torch.full((2,), 50.0)}
    copies = buffer[buffer.extend(rows, OldestWriter())]
    assert copies['priority'].tolist() == [1, 1] and copies['uses'].tolist() == [0, 0]


def test_set_priority_duplicates_and_overflow():
    buffer = ReplayBuffer(3)
    buffer.extend(make_batch(3), OldestWriter())
    delta = torch.tensor([0.4, 0.2, torch.inf, torch.nan, 0.3])
    buffer.set_priority(torch.tensor([0, 0, 1, 2, 2]), delta)
    assert torch.allclose(buffer.columns['priority'], torch.tensor([0.4, 1, 1]))
    assert buffer.max_priority == 1


def test_added_columns():
    buffer = ReplayBuffer(4)
    buffer.add_column('td', fill=-1)
    buffer.extend({**make_batch(2), 'label': torch.tensor([3, 1])}, OldestWriter())
    buffer.add_column('late', (2,), torch.int64, fill=9)
    buffer.columns['td'][:2] = torch.tensor([0.1, 0.2])
    buffer.extend({**make_batch(3), 'late': torch.ones(3, 2)}, OldestWriter())
    assert buffer.columns['label'].dtype == torch.int64
    assert buffer.columns['label'].tolist() == [0, 1, 0, 0]
    assert torch.allclose(buffer.columns['td'], torch.tensor([-1, 0.2, -1, -1]))
    assert buffer.columns['late'].tolist() == [[1, 1], [9, 9], [1, 1], [1, 1]]
    buffer.add_column('late', (2,), torch.int64, fill=9)  # the same again: kept
    assert buffer.columns['late'][0].tolist() == [1, 1]
    with pytest.raises(ConfigError, match="'late' exists"):
        buffer.add_column('late', (3,), torch.int64)


@settings(max_examples=12, deadline=None)
@given(
    writer=st.sampled_from([OldestWriter(), RandomWriter(), CrowdedWriter()]),
    fractional=st.booleans(),
    capacity=st.integers(1, 30),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    seed=st.integers(0, 99),
)
def test_class_counts_equal_a_recount(writer, fractional, capacity, sizes, seed):
    buffer = ReplayBuffer(capacity)
    buffer.rng = torch.Generator().manual_seed(seed)
    for buffer.round in range(40):
        n = min(sizes[buffer.round % len(sizes)], capacity)
        buffer.extend(make_batch(n, fractional, seed + buffer.round), writer)
        assert (buffer.class_counts - recount(buffer)).abs().max() < 1e-9
    assert buffer.class_counts.sum().item() == pytest.approx(len(buffer), abs=1e-4)


@pytest.mark.parametrize('writer', [OldestWriter(), RandomWriter(), CrowdedWriter()])
def test_class_counts_do_not_drift(writer):
    buffer = ReplayBuffer(50)
    buffer.rng = torch.Generator().manual_seed(0)
    for buffer.round in range(2000):
        buffer.extend(make_batch(7, seed=buffer.round, side=1), writer)
    assert (buffer.class_counts - recount(buffer)).abs().max() < 1e-4


@pytest.mark.parametrize('writer', [OldestWriter(), RandomWriter(), CrowdedWriter()])
def test_counts_of_histograms_do_not_drift(writer):
    """Shares of pixels, in float32 thirds and sevenths, against a ledger in float64."""
    rng = np.random.default_rng(0)
    buffer, ledger, worst = ReplayBuffer(40), np.zeros((40, K)), 0.0
    buffer.rng = torch.Generator().manual_seed(0)
    for buffer.round in range(2000):
        n, pixels = rng.integers(1, 9), rng.choice([7, 12, 49, 1023])
        shares = rng.multinomial(pixels, rng.dirichlet([0.5] * K), size=n) / pixels
        slots = buffer.extend(
            dict(
                image=torch.zeros(n, 3, 1, 1),
                class_share=torch.tensor(shares, dtype=torch.float32),
                confidence=torch.tensor(rng.random(n), dtype=torch.float32),
            ),
            writer,
        )
        ledger[slots.numpy()] = shares
        worst = max(worst, np.abs(buffer.class_counts.numpy() - ledger.sum(0)).max())
    assert worst < 1e-4
    assert len(buffer) == 40 and (ledger.sum(1) > 0.999).all()


@pytest.mark.parametrize('filled', [6, 16])
@pytest.mark.parametrize('used', [False, True])
def test_state_dict_round_trip(filled, used):
    buffer, sampler = ReplayBuffer(10), PrioritySampler(beta_end=1.0, beta_steps=9)
    buffer.rng = torch.Generator().manual_seed(1)
    buffer.add_column('td', fill=-1)
    for buffer.round in range(filled // 2):
        buffer.extend(make_batch(2, seed=buffer.round), CrowdedWriter())
        indices, _ = sampler.sample(buffer, 5)
        sampler.update(buffer, indices, torch.rand(5, generator=buffer.rng))
    state = saved(dict(buffer=buffer.state_dict(), sampler=sampler.state_dict()))
    assert len(state['buffer']['columns']['image']) == min(filled, 10)

    other, again = ReplayBuffer(10), PrioritySampler(beta_end=1.0, beta_steps=9)
    if used:  # what a buffer held before it was loaded must leave no trace
        other.extend({**make_batch(9, seed=77), 'own': torch.ones(9)}, OldestWriter())
        again.sample(other, 3)
        other.version = buffer.version
    other.load_state_dict(state['buffer'])
    again.load_state_dict(state['sampler'])
    if used:
        assert (other.columns['own'] == 0).all()
    other.rng = torch.Generator()
    other.rng.set_state(buffer.rng.get_state())
    assert torch.equal(other.class_counts, buffer.class_counts)
    assert other.max_priority == buffer.max_priority
    assert (other.round, other.version) == (buffer.round, buffer.version)
    for _ in range(3):  # a round: extend, draw, refresh
        for b in (buffer, other):
            b.round += 1
            b.extend(make_batch(3, seed=b.round), CrowdedWriter())
        (i, w), (j, v) = sampler.sample(buffer, 64), again.sample(other, 64)
        assert torch.equal(i, j) and torch.equal(w, v)
        for name, column in buffer[i].items():
            assert torch.equal(column, other[j][name]), name
        sampler.update(buffer, i, i.float())
        again.update(other, j, j.float())
    assert (other.class_counts - recount(other)).abs().max() < 1e-9


def test_load_refuses_other_capacity():
    buffer = ReplayBuffer(10)
    buffer.extend(make_batch(2), OldestWriter())
    with pytest.raises(ConfigError, match='capacity=9.*capacity 10'):
        ReplayBuffer(9).load_state_dict(buffer.state_dict())


def test_state_is_a_snapshot():
    buffer = ReplayBuffer(4)
    buffer.extend(make_batch(4), OldestWriter())
    state = buffer.state_dict()
    counts, confidence = buffer.class_counts.clone(), buffer.columns['confidence'].clone()
    other = ReplayBuffer(4)
    other.load_state_dict(state)
    for b in (buffer, other):
        b.extend(make_batch(4, seed=5), OldestWriter())
    assert torch.equal(state['class_counts'], counts)
    assert torch.equal(state['columns']['confidence'], confidence)


def test_counts_are_summed_over_processes(monkeypatch):
    def two_equal_processes(tensor):
        tensor.mul_(2)

    monkeypatch.setattr('ssdkd.buffers.replay.all_reduce', two_equal_processes)
    buffer = ReplayBuffer(6)
    for seed in range(3):
        buffer.extend(make_batch(4, seed=seed), OldestWriter())
    assert torch.equal(buffer.class_counts, 2 * recount(buffer))


def test_reserve_says_what_the_images_take():
    assert ReplayBuffer(1600).reserve((96, 128)) == (
        'The replay buffer takes 1600 x 3 x 96 x 128 bytes = 56.2 MiB.'
    )
    buffer = ReplayBuffer(8)
    buffer.extend(make_batch(8, side=5), OldestWriter())
    assert '8 x 3 x 5 x 5 bytes' in buffer.reserve((5, 5))
    assert buffer.columns['image'].nbytes == 8 * 3 * 5 * 5


def test_reserve_refuses_what_is_too_large():
    # 16,000 x 3 x 480 x 640 / 2^30 = 13.73 GiB
    assert '13.7 GiB' in ReplayBuffer(16_000).reserve((480, 640))
    message = (
        'model.buffer: capacity=16000 takes 16000 x 3 x 480 x 640 bytes = 13.7 GiB, more than '
        'max_gib=13.7; lower capacity or raise max_gib'
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        ReplayBuffer(16_000, max_gib=13.7).reserve((480, 640))
    ReplayBuffer(16_000, max_gib=13.74).reserve((480, 640))
    assert not torch.cuda.is_initialized()


@pytest.mark.parametrize('device', [None, 'meta'])
def test_pinned_memory_is_the_cpus(device):
    with pytest.raises(ConfigError, match=f"needs device='cpu', not .*{device}"):
        ReplayBuffer(4, device, pin_memory=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason='says what happens without a GPU')
def test_pinned_memory_without_an_accelerator_is_ordinary():
    buffer, batch = ReplayBuffer(4, 'cpu', pin_memory=True), make_batch(4)
    rows = buffer[buffer.extend(batch, OldestWriter())]
    assert torch.equal(rows['confidence'], batch['confidence'])
    assert not buffer.columns['image'].is_pinned()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_pinned_slots():
    buffer = ReplayBuffer(6, 'cpu', pin_memory=True)
    batch = make_batch(4)
    for _ in range(2):  # while it fills, and when it overwrites
        slots = buffer.extend({k: v.cuda() for k, v in batch.items()}, OldestWriter())
    assert all(column.is_pinned() for column in buffer.columns.values())
    assert all(buffer._gather(c, slots.cpu()).is_pinned() for c in buffer.columns.values())
    rows = buffer[slots.cuda()]
    torch.cuda.synchronize()
    assert all(value.is_cuda for value in rows.values())
    assert torch.equal(rows['confidence'].cpu(), batch['confidence'])
    other = ReplayBuffer(6, 'cpu', pin_memory=True)
    other.load_state_dict(saved(buffer.state_dict()))
    assert all(column.is_pinned() for column in other.columns.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('home', [None, 'cpu', 'cuda'])
def test_devices(home):
    buffer = ReplayBuffer(8, home)
    batch = {name: value.cuda() for name, value in make_batch(5).items()}
    buffer.extend(batch, CrowdedWriter())
    buffer.extend(batch, CrowdedWriter())
    assert buffer.device.type == (home or 'cuda')
    for sampler in (UniformSampler(), PrioritySampler()):
        indices, _ = sampler.sample(buffer, 4)
        rows = buffer[indices.cuda()]
        assert all(column.is_cuda for column in rows.values())
        sampler.update(buffer, indices.cuda(), torch.rand(4, device='cuda'))
