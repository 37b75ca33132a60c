"""Whose weights a step may touch, and what a distiller refuses."""

import contextlib
import copy

import numpy as np
import pytest
import torch
from helpers import build_distiller, plain_optimizers
from scipy.special import softmax
from torch import nn

from ssdkd.distillers import replay as module
from ssdkd.errors import ConfigError


def snapshot(network: nn.Module) -> dict:
    return copy.deepcopy(network.state_dict())


def changed(network: nn.Module, before: dict) -> list[str]:
    """Names of all that differs, bit by bit, batch-norm statistics included."""
    return [k for k, v in network.state_dict().items() if not torch.equal(v, before[k])]


def gradients(network: nn.Module) -> list[str]:
    return [n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()]


def check_generator_step(distiller) -> None:
    """A generator phase trains the generator, and leaves no trace anywhere else."""
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    distiller.train()
    student, teacher = snapshot(distiller.student), snapshot(distiller.teacher)
    generator = snapshot(distiller.synthesizer.generator)
    distiller.synthesize(optim_wrapper)
    assert 'linear.weight' in changed(distiller.synthesizer.generator, generator)
    assert not gradients(distiller.student)
    assert not changed(distiller.student, student)
    assert not changed(distiller.teacher, teacher)
    # It is also given back as it was: in training mode and trainable.
    assert all(m.training for m in distiller.student.modules())
    assert all(p.requires_grad for p in distiller.student.parameters())


def check_student_step(distiller) -> None:
    """The reverse: a student step trains the student alone."""
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    distiller.train()
    distiller.synthesize(optim_wrapper)
    student, teacher = snapshot(distiller.student), snapshot(distiller.teacher)
    synthesizer = snapshot(distiller.synthesizer)
    distiller.train_step(None, optim_wrapper)
    assert 'model.conv1.weight' in changed(distiller.student, student)
    assert not gradients(distiller.synthesizer)
    assert not changed(distiller.synthesizer, synthesizer)
    assert not changed(distiller.teacher, teacher)


def test_generator_step_touches_the_generator_only(distiller):
    check_generator_step(distiller)


def test_student_step_touches_the_student_only(distiller):
    check_student_step(distiller)


def test_checks_see_a_student_that_is_not_frozen(distiller, monkeypatch):
    monkeypatch.setattr(module, 'frozen', lambda network: contextlib.nullcontext())
    with pytest.raises(AssertionError):
        check_generator_step(distiller)


def test_checks_see_a_student_left_in_training_mode(distiller, monkeypatch):
    # No gradients, but its batch norms drink from the generator's batches.
    @contextlib.contextmanager
    def no_gradients_only(network):
        network.requires_grad_(False)
        yield
        network.requires_grad_(True)

    monkeypatch.setattr(module, 'frozen', no_gradients_only)
    with pytest.raises(AssertionError, match='running_mean'):
        check_generator_step(distiller)


def test_checks_see_one_optimizer_for_both_roles(distiller, monkeypatch):
    both = {name: module.Role('student', optimizer=name) for name in ('student', 'generator')}
    monkeypatch.setattr(type(distiller), 'roles', both | {'teacher': module.Role('teacher')})
    with pytest.raises(AssertionError):
        check_generator_step(distiller)


def test_checks_see_a_student_step_through_the_generator(distiller, monkeypatch):
    def fresh_images(buffer, indices):
        generator = distiller.synthesizer.generator
        return {'image': generator(torch.randn(len(indices), generator.latent_dim))}

    monkeypatch.setattr(type(distiller.buffer), '__getitem__', fresh_images)
    with pytest.raises(AssertionError):
        check_student_step(distiller)


@pytest.mark.parametrize('normalize', [False, True])
def test_student_loss_is_weighted_by_importance_and_phi(distiller, normalize):
    """mean(w * phi * KL_T), or that over mean(w * phi), with each factor computed apart."""
    distiller.normalize = normalize
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    distiller.train()
    distiller.augment.transforms = []
    distiller.synthesize(optim_wrapper)
    indices, weights = torch.arange(16), torch.linspace(0.1, 1.0, 16)
    distiller.sampler.sample = lambda buffer, n: (indices, weights)
    images = distiller.buffer[indices]['image']
    student = copy.deepcopy(distiller.student)
    teacher_logits, student_logits = distiller.teacher(images), student(images)
    divergence = distiller.task.divergence(student_logits, teacher_logits, 4.0)
    weights = weights * distiller.phi(teacher_logits)
    expected = (weights * divergence).sum() / (weights.sum() if normalize else 16)
    log = distiller.train_step(None, optim_wrapper)
    torch.testing.assert_close(log['loss'], expected.detach())
    torch.testing.assert_close(log['divergence'], divergence.mean().detach())


@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_phi_measures_confidence_at_its_temperature(tiny, temperature):
    """(1 - max softmax(logits / T)), scaled to mean 1; the classes are the same at any T."""
    options = dict(diversity=False, temperature=temperature)
    distiller = build_distiller(tiny({f'model.modulation.{k}': v for k, v in options.items()}))
    logits = 5 * torch.randn(64, 10, generator=torch.Generator().manual_seed(0))
    difficulty = 1 - softmax(logits.double().numpy() / temperature, axis=1).max(1)
    expected = difficulty / difficulty.mean()
    np.testing.assert_allclose(distiller.phi(logits), expected, rtol=1e-4, atol=1e-5)


def test_distillation_terms_are_added_with_their_weights(tiny):
    """Two KL terms: 0.5 KL_4 + 2 KL_1, in the loss, in the log and in the priorities."""
    soft = dict(type='KLDivergenceLoss', weight=0.5, temperature=4.0)
    sharp = dict(type='KLDivergenceLoss', weight=2.0, temperature=1.0)
    distiller = build_distiller(
        tiny({'model.distillation': dict(kl=soft, sharp=sharp), 'model.crop_padding': 0})
    )
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    distiller.train()
    distiller.synthesize(optim_wrapper)
    indices, weights = torch.arange(16), torch.linspace(0.1, 1.0, 16)
    distiller.sampler.sample = lambda buffer, n: (indices, weights)
    given = []
    distiller.sampler.update = lambda buffer, indices, divergence: given.append(divergence)
    images = distiller.buffer[indices]['image']
    student = copy.deepcopy(distiller.student)
    log_p, log_q = (net(images).log_softmax(1) for net in (distiller.teacher, student))
    soft_p, soft_q = ((x / 4).softmax(1) for x in (log_p, log_q))
    divergence = 0.5 * 16 * (soft_p * (soft_p / soft_q).log()).sum(1)
    divergence = divergence + 2 * (log_p.exp() * (log_p - log_q)).sum(1)
    phi = distiller.phi(distiller.teacher(images))
    log = distiller.train_step(None, optim_wrapper)
    tolerance = dict(rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(given[0], divergence.detach(), **tolerance)
    torch.testing.assert_close(log['divergence'], divergence.mean().detach(), **tolerance)
    expected = (weights * phi * divergence).sum() / (weights * phi).sum()  # normalize=True
    torch.testing.assert_close(log['loss'], expected.detach(), **tolerance)


def test_priorities_follow_the_divergence(distiller):
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    distiller.train()
    distiller.synthesize(optim_wrapper)
    before = distiller.buffer.columns['priority'].clone()
    log = distiller.train_step(None, optim_wrapper)
    uses = distiller.buffer.columns['uses']
    after = distiller.buffer.columns['priority']
    assert torch.equal(after[uses == 0], before[uses == 0])
    assert (after[uses > 0] != before[uses > 0]).all()
    assert log['agreement'].ndim == 0


def test_warmup_batches_are_not_stored(distiller):
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    log = distiller.synthesize(optim_wrapper, warmup=True)
    assert len(distiller.buffer) == 0
    assert 'adversarial' not in log  # the student knows nothing yet
    log = distiller.synthesize(optim_wrapper)
    assert len(distiller.buffer) == 16
    assert 'adversarial' in log


def test_terms_that_read_the_student_wait_for_its_first_steps(distiller):
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    distiller.share = (0.0, 0.5)  # the round after warm-up, whose steps follow its samples
    log = distiller.synthesize(optim_wrapper)
    assert len(distiller.buffer) == 16
    assert 'adversarial' not in log
    distiller.share = (0.5, 1.0)
    assert 'adversarial' in distiller.synthesize(optim_wrapper)


def test_a_term_that_is_alone_does_not_wait(tiny):
    distiller = build_distiller(tiny())
    losses = distiller.synthesizer.losses
    for name in [name for name in losses if name != 'adversarial']:
        del losses[name]
    distiller.share = (0.0, 0.5)
    assert list(distiller.synthesize(plain_optimizers(distiller, momentum=0.9))) == [
        'adversarial'
    ]


def test_training_state_round_trip(tiny):
    first, second = (build_distiller(tiny()) for _ in range(2))
    for distiller in (first, second):
        distiller.train()
    optim_wrapper = plain_optimizers(first, momentum=0.9)
    first.synthesize(optim_wrapper)
    first.train_step(None, optim_wrapper)
    second.load_training_state(first.training_state())
    for name, column in first.buffer.columns.items():
        n = len(first.buffer)
        assert torch.equal(column[:n], second.buffer.columns[name][:n]), name
    assert torch.equal(torch.rand(5, generator=first.rng), torch.rand(5, generator=second.rng))


def test_forward_is_the_student(distiller):
    distiller.eval()
    images = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    logits = distiller(images)
    torch.testing.assert_close(logits, distiller.student(images.float() / 255))
    (prediction,) = distiller(images, mode='predict')
    assert torch.equal(prediction['logits'], logits)


@pytest.mark.parametrize(
    'key, value, message',
    [
        ('model.distillation.kl.temperature', 0, 'model.distillation.kl: .*temperature=0'),
        ('model.distillation.kl', None, 'model.distillation has no term'),
        ('model.distillation.bn', dict(type='BNStatisticsLoss'), 'an inversion loss'),
        ('model.autocast', 'float16', "model.autocast='float16'"),
        ('model.student.model.num_classes', 7, 'model.student has 7 outputs'),
        ('model.task.num_classes', 7, 'model.teacher has 10 outputs'),
    ],
)
def test_misfits_name_their_key(tiny, key, value, message):
    with pytest.raises(ConfigError, match=message):
        build_distiller(tiny({key: value}))


def test_network_that_cannot_take_the_images(tiny):
    cfg = tiny()
    cfg.model.student.model = dict(type='torchvision', name='squeezenet1_1', num_classes=10)
    with pytest.raises(ConfigError, match='model.student cannot take images'):
        build_distiller(cfg)


def test_channels_last_and_autocast(tiny):
    cfg = tiny({'model.autocast': 'bfloat16', 'model.channels_last': True})
    distiller = build_distiller(cfg)
    optim_wrapper = plain_optimizers(distiller, momentum=0.9)
    distiller.train()
    log = distiller.synthesize(optim_wrapper) | distiller.train_step(None, optim_wrapper)
    assert all(value.isfinite() for value in log.values())
    weight = distiller.student.model.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert weight.dtype == torch.float32
