"""The meta-generator: its outer steps against the same by hand in numpy, its reset, its log."""

import numpy as np
import pytest
import torch
from helpers import build_distiller, synthesis_context
from mmengine.optim import OptimWrapper, OptimWrapperDict
from toy import GREY, Line, attach, phase

from ssdkd.config.read import read_config
from ssdkd.engine.plan import FixedPlan
from ssdkd.errors import ConfigError
from ssdkd.generators import DCGANGenerator, DeepGenerator
from ssdkd.synthesizers import MetaSynthesizer
from ssdkd.synthesizers.meta import reset_first_layer

IMAGE = dict(type='DCGANGenerator', width=4, image_size=8, latent_dim=4)
N, STEPS, GENERATOR_LR, LATENT_LR, OUTER_LR = 5, 4, 0.06, 0.1, 0.5


def meta_of_a_line(**options):
    arguments = dict(
        batch_size=N,
        steps=STEPS,
        generator_lr=GENERATOR_LR,
        latent_lr=LATENT_LR,
        modulate=False,
    )
    synthesizer = MetaSynthesizer(IMAGE, {}, **(arguments | options))
    synthesizer.generator = Line()
    return attach(synthesizer)


def outer(synthesizer, lr=OUTER_LR):
    optimizer = torch.optim.SGD(synthesizer.generator.parameters(), lr)
    return OptimWrapperDict(generator=OptimWrapper(optimizer))


class Adam:
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(self, lr, beta1=0.5, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m = self.v = self.t = 0

    def step(self, x, gradient):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * gradient
        self.v = self.beta2 * self.v + (1 - self.beta2) * gradient**2
        m, v = self.m / (1 - self.beta1**self.t), self.v / (1 - self.beta2**self.t)
        return x - self.lr * m / (np.sqrt(v) + self.eps)


def by_hand(latent_lr):
    """Inner steps on L = mean (w z + b - grey)^2: the summed gradient, the end, the losses."""
    rng = torch.Generator().manual_seed(0)
    torch.randint(3, (N,), generator=rng)  # the classes
    z = torch.randn(N, 1, generator=rng).numpy().astype(np.float64)
    theta, summed, losses = np.array([0.7, -0.2]), np.zeros(2), []
    of_theta, of_z = Adam(GENERATOR_LR), Adam(latent_lr)
    for _ in range(STEPS):
        error = theta[0] * z + theta[1] - GREY
        losses.append((error**2).mean())
        gradient = np.array([(2 * error * z).mean(), (2 * error).mean()])
        of_z_gradient = 2 * error * theta[0] / N
        summed += gradient
        theta = of_theta.step(theta, gradient)
        if latent_lr:
            z = of_z.step(z, of_z_gradient)
    return summed, theta, losses


@pytest.mark.parametrize('latent_lr', [0.0, LATENT_LR])
@pytest.mark.parametrize('rule', ['fomaml', 'reptile'])
def test_outer_step_against_numpy(rule, latent_lr):
    synthesizer = meta_of_a_line(outer=rule, latent_lr=latent_lr)
    summed, adapted, losses = by_hand(latent_lr)
    gradient = summed if rule == 'fomaml' else np.array([0.7, -0.2]) - adapted
    expected = np.array([0.7, -0.2]) - OUTER_LR * gradient

    images, log = phase(synthesizer, outer(synthesizer))
    found = [synthesizer.generator.w.item(), synthesizer.generator.b.item()]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # The batch is that of the least loss, before which no step was taken yet.
    assert images.sub(GREY).square().mean().item() == pytest.approx(min(losses), rel=1e-4)
    assert log['grey'].item() == pytest.approx(losses[-1], rel=1e-4)


def test_the_two_rules_differ():
    found = []
    for rule in ('fomaml', 'reptile'):
        synthesizer = meta_of_a_line(outer=rule)
        phase(synthesizer, outer(synthesizer))
        found.append(synthesizer.generator.w.item())
    assert abs(found[0] - found[1]) > 1e-3


def test_a_real_generator_is_moved_by_the_outer_step_alone(tiny):
    cfg = tiny()
    old = cfg.model.synthesizer
    cfg.model.synthesizer = dict(
        type='MetaSynthesizer',
        generator=old.generator,
        losses=old.losses,
        batch_size=16,
        steps=2,
        crop_padding=1,
    )
    distiller = build_distiller(cfg)
    generator = distiller.synthesizer.generator
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    images, log = synthesize_twice(distiller, outer(distiller.synthesizer, lr=0.0))
    assert images.shape == (16, 3, 16, 16) and 0 <= images.min() and images.max() <= 1
    assert set(log) == {'bn', 'class_prior', 'adversarial'}
    # With a learning rate of 0, not even its batch norms have changed.
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    synthesize_twice(distiller, outer(distiller.synthesizer, lr=0.1))
    assert all(not torch.equal(v, before[k]) for k, v in generator.named_parameters())


def synthesize_twice(distiller, optim_wrapper):
    for _ in range(2):
        context = synthesis_context(distiller, optim_wrapper)
        batch, log = distiller.synthesizer.synthesize(context)
    return batch['image'], log


def test_the_first_layer_is_reset_once_at_its_share():
    """The outer learning rate is 0, so that nothing else moves the weights."""
    synthesizer = MetaSynthesizer(
        IMAGE, {}, batch_size=2, steps=1, reset_share=0.5, modulate=False
    )
    attach(synthesizer)
    changed = []
    for share in ((0.0, 0.0), (0.0, 0.4), (0.4, 0.5), (0.5, 0.8), (0.8, 1.0)):
        before = {k: v.clone() for k, v in synthesizer.generator.named_parameters()}
        phase(synthesizer, outer(synthesizer, lr=0.0), share=share)
        after = dict(synthesizer.generator.named_parameters())
        changed.append({k for k in after if not torch.equal(after[k], before[k])})
    first = {'linear.weight', 'linear.bias', 'layers.0.weight'}  # that bias was 0 before
    assert changed == [set(), set(), first, set(), set()]


@pytest.mark.parametrize('warmup, rounds, reset', [(20, 220, 140), (0, 10, 6)])
def test_the_authors_reset_before_round_120_of_200(warmup, rounds, reset):
    """140 counted from 1, after 20 of warm-up."""
    share = read_config('digits_resnet20_resnet8', method='fast2').model.synthesizer.reset_share
    plan = FixedPlan(rounds, warmup, 1)
    planned = [plan.next(done, 0.0) for done in range(rounds)]
    found = [n for n, part in enumerate(planned, 1) if part.before < share <= part.after]
    assert found == [reset]


def test_fresh_samples_are_new_and_leave_the_steps_as_they_are():
    weights, batches = [], []
    for samples in (None, 5):
        torch.manual_seed(0)
        synthesizer = MetaSynthesizer(
            IMAGE, {}, batch_size=2, steps=2, samples=samples, modulate=False
        )
        attach(synthesizer)
        images, _ = phase(synthesizer, outer(synthesizer, lr=0.1))
        weights.append(synthesizer.generator.linear.weight.detach())
        batches.append(images)
    assert torch.equal(*weights)
    assert [len(batch) for batch in batches] == [2, 5] and not batches[1].requires_grad
    assert len(torch.cat(batches).unique(dim=0)) == 7


@pytest.mark.parametrize('num_classes', [None, 10])
@pytest.mark.parametrize('kind', [DCGANGenerator, DeepGenerator])
def test_reset_of_the_first_layer(kind, num_classes):
    generator = kind(latent_dim=64, image_size=64, width=16, num_classes=num_classes)
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    reset_first_layer(generator, torch.Generator().manual_seed(0))
    after = generator.state_dict()
    assert after['linear.weight'].std() == pytest.approx(0.02, rel=0.02)
    assert after['linear.weight'].mean().abs() < 1e-3
    assert not after['linear.bias'].any() and not after['layers.0.bias'].any()
    assert 0.01 < after['layers.0.weight'].std() < 0.03
    others = [k for k in after if k.split('.')[:2] != ['layers', '0'] and 'linear' not in k]
    assert len(others) > 5 and all(torch.equal(after[k], before[k]) for k in others)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(outer='maml'), "outer='maml' must be 'fomaml' or 'reptile'"),
        (dict(reset_share=0), 'reset_share=0 must lie in'),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ConfigError, match=message):
        meta_of_a_line(**options)
