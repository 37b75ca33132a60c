"""One phase of the generator."""

import pytest
import torch
from helpers import build_distiller, build_runner, synthesis_context
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.models import Teacher


class CountedSteps:
    """An optimizer that records what it is asked to minimise."""

    def __init__(self, update=None):
        self.losses = []
        self.update = update

    def __getitem__(self, role):
        assert role == 'generator'
        return self

    def update_params(self, loss):
        self.losses.append(loss.item())
        loss.backward()
        if self.update:
            self.update(len(self.losses))


def phase(distiller, optim_wrapper, **kwargs):
    context = synthesis_context(distiller, optim_wrapper, **kwargs)
    batch, log = distiller.synthesizer.synthesize(context)
    return batch['image'], log


@pytest.mark.parametrize('norm', ['group', 'batch'])
@pytest.mark.parametrize('prior', [None, 'PseudoLabelLoss', 'InformationEntropyLoss'])
def test_a_teacher_with_other_norms_too(tiny, monkeypatch, norm, prior):
    lines = []
    monkeypatch.setattr(
        'ssdkd.synthesizers.inversion.print_log', lambda line, logger: lines.append(line)
    )
    options = {'model.synthesizer.losses.more': prior and dict(type=prior, weight=0.1)}
    synthesizer = build_distiller(tiny(options)).synthesizer
    second = nn.GroupNorm(2, 4) if norm == 'group' else nn.BatchNorm2d(4)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), second
    synthesizer.attach(Teacher(nn.Sequential(*layers)), 4)
    wanted = (
        'model.synthesizer.losses: the teacher also has normalisation layers without '
        'statistics, which BNStatisticsLoss does not read; '
        "confidence=dict(type='PseudoLabelLoss', weight=0.1) and "
        "balance=dict(type='InformationEntropyLoss') are terms for these"
    )
    assert lines == [wanted] * (norm == 'group' and prior is None)


def test_batch(distiller):
    optim_wrapper = CountedSteps()
    images, log = phase(distiller, optim_wrapper)
    assert len(optim_wrapper.losses) == 2  # synthesizer.steps
    assert images.shape == (16, 3, 16, 16) and images.dtype == torch.float32
    assert not images.requires_grad and 0 <= images.min() and images.max() <= 1
    assert set(log) == {'bn', 'class_prior', 'adversarial'}
    assert all(v.ndim == 0 and not v.requires_grad for v in log.values())


def test_total_is_the_weighted_sum(tiny):
    weights = dict(bn=10.0, class_prior=0.4, adversarial=1.1)
    options = {f'model.synthesizer.losses.{k}.weight': w for k, w in weights.items()}
    distiller = build_distiller(tiny(options | {'model.synthesizer.steps': 1}))
    optim_wrapper = CountedSteps()
    _, log = phase(distiller, optim_wrapper)
    total = sum(weights[name] * value.item() for name, value in log.items())
    assert optim_wrapper.losses == [pytest.approx(total, rel=1e-5)]


def test_phi_weighs_per_sample_terms_and_not_the_batch_norm(tiny):
    cfg = tiny({'model.synthesizer.steps': 1})
    _, plain = phase(
        build_distiller(cfg), CountedSteps(), modulation=lambda z: torch.ones(len(z))
    )
    _, double = phase(
        build_distiller(cfg), CountedSteps(), modulation=lambda z: 2 * torch.ones(len(z))
    )
    torch.testing.assert_close(double['class_prior'], 2 * plain['class_prior'])
    torch.testing.assert_close(double['adversarial'], 2 * plain['adversarial'])
    torch.testing.assert_close(double['bn'], plain['bn'])


def test_the_best_batch_of_a_phase_is_kept(tiny):
    """The generator is ruined after its second step: the batch is from before."""
    cfg = tiny(
        {
            'model.synthesizer.steps': 4,
            'model.synthesizer.crop_padding': 0,
            'model.synthesizer.latent_lr': 0,
        }
    )
    distiller = build_distiller(cfg)
    seen = []
    generator = distiller.synthesizer.generator
    generator.register_forward_hook(lambda m, i, out: seen.append(out.detach().clone()))

    def ruin(step):
        if step == 2:
            with torch.no_grad():
                generator.layers[-2].bias.fill_(50.0)  # white images

    optim_wrapper = CountedSteps(ruin)
    images, _ = phase(distiller, optim_wrapper)
    best = min(range(4), key=optim_wrapper.losses.__getitem__)
    assert best < 2
    assert torch.equal(images, seen[best])


@pytest.mark.parametrize('latent_lr', [0.0, 0.01])
def test_latents_are_optimised_when_asked(tiny, latent_lr):
    distiller = build_distiller(tiny({'model.synthesizer.latent_lr': latent_lr}))
    latents = []
    distiller.synthesizer.generator.register_forward_pre_hook(
        lambda m, inputs: latents.append(inputs[0].detach().clone())
    )
    phase(distiller, CountedSteps())
    assert torch.equal(latents[0], latents[1]) == (latent_lr == 0)


@pytest.mark.parametrize('latent_lr', [0.01, 10.0])  # the latter makes every step worse
def test_the_batch_has_the_latents_and_targets_that_made_it(tiny, latent_lr):
    options = {'latent_lr': latent_lr, 'steps': 4, 'generator.num_classes': 10}
    distiller = build_distiller(tiny({f'model.synthesizer.{k}': v for k, v in options.items()}))
    context = synthesis_context(distiller, CountedSteps())  # does not train the generator
    batch, _ = distiller.synthesizer.synthesize(context)
    assert set(batch) == {'image', 'target', 'latent'}
    again = distiller.synthesizer.generator(batch['latent'], batch['target'])
    torch.testing.assert_close(again, batch['image'])


def test_fresh_samples_have_their_latents_and_targets(tiny):
    cfg = tiny({'model.synthesizer.samples': 40, 'model.synthesizer.generator.num_classes': 10})
    distiller = build_distiller(cfg)
    synthesizer = distiller.synthesizer
    batch = synthesizer.fresh_samples(synthesizer.generator, distiller.rng)
    assert {name: len(rows) for name, rows in batch.items()} == dict(
        image=40, target=40, latent=40
    )
    last = [batch[name][32:] for name in ('latent', 'target')]  # the chunks are of 16 samples
    torch.testing.assert_close(distiller.synthesizer.generator(*last), batch['image'][32:])


def test_a_distillation_loss_is_refused(tiny):
    cfg = tiny({'model.synthesizer.losses.kl': dict(type='KLDivergenceLoss')})
    message = 'model.synthesizer: losses.kl: KLDivergenceLoss is no inversion loss'
    with pytest.raises(ConfigError, match=message):
        build_distiller(cfg)


def test_a_loss_set_to_none_is_dropped(tiny):
    cfg = tiny()
    cfg.model.synthesizer.losses.bn = None
    assert set(build_distiller(cfg).synthesizer.losses) == {'class_prior', 'adversarial'}


def test_student_is_spared_where_no_loss_needs_it(distiller):
    def fail(images):
        raise AssertionError('the student was run')

    _, log = phase(distiller, CountedSteps(), student=fail, warmup=True)
    assert set(log) == {'bn', 'class_prior'}


def test_conditional_generator(tiny):
    distiller = build_distiller(tiny({'model.synthesizer.generator.num_classes': 10}))
    images, _ = phase(distiller, CountedSteps())
    assert images.shape == (16, 3, 16, 16)
    assert distiller.synthesizer.generator.embedding.weight.grad.any()


SAMPLES = {'model.synthesizer.samples': 40, 'model.synthesizer.latent_lr': 0}


def test_fresh_samples_come_from_the_trained_generator(tiny):
    """Chunks of 16, 16 and 8, as the generator makes them after its last step."""
    distiller = build_distiller(tiny(SAMPLES))
    synthesizer = distiller.synthesizer
    generator, calls = synthesizer.generator, []
    generator.register_forward_hook(
        lambda m, inputs, out: calls.append((inputs, out.detach().clone()))
    )

    def train(step):
        with torch.no_grad():
            generator.layers[-2].bias.add_(1.0)  # each step makes brighter images

    images, _ = phase(distiller, CountedSteps(train))
    assert synthesizer.samples == len(images) == 40 and not images.requires_grad
    steps, fresh = calls[: synthesizer.steps], calls[synthesizer.steps :]
    assert [len(out) for _, out in fresh] == [16, 16, 8]
    assert torch.equal(images, torch.cat([out for _, out in fresh]))
    for inputs, out in fresh:
        assert torch.equal(generator(*inputs), out)  # nothing has trained it since
        assert not torch.equal(inputs[0], steps[0][0][0][: len(out)])  # latents of their own
    assert images.mean() > steps[-1][1].mean() > steps[0][1].mean()


def test_fresh_samples_leave_the_steps_as_they_are(tiny):
    steps = []
    for options in ({}, SAMPLES):
        distiller = build_distiller(tiny(options | {'model.synthesizer.latent_lr': 0}))
        optim_wrapper = CountedSteps()
        phase(distiller, optim_wrapper)
        steps.append(optim_wrapper.losses)
    assert steps[0] == steps[1]


def test_the_buffer_must_hold_the_fresh_samples(tiny):
    with pytest.raises(ConfigError, match='smaller than model.synthesizer.samples=65'):
        build_runner(tiny({'model.synthesizer.samples': 65})).train()


def test_no_samples_are_refused(tiny):
    with pytest.raises(ConfigError, match='model.synthesizer: .*samples=0 must be at least 1'):
        build_distiller(tiny({'model.synthesizer.samples': 0}))
