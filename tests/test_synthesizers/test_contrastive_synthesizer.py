"""The contrastive term against numpy, its memory bank, and what is trained by whom."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import build_distiller, build_runner, synthesis_context
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.generators import DCGANGenerator
from ssdkd.losses import BNStatisticsLoss, InversionState
from ssdkd.synthesizers import ContrastiveSynthesizer
from ssdkd.synthesizers.contrastive import fresh_copy, info_nce


class HeadSteps:
    """Stands for the head's optimizer; does nothing but the backward pass."""

    def __getitem__(self, role):
        assert role == 'generator'
        return self

    def update_params(self, loss):
        loss.backward()


def contrastive_config(tiny, **options):
    cfg = tiny({'train_cfg.warmup_rounds': 0})
    old = cfg.model.synthesizer
    cfg.model.synthesizer = dict(
        type='ContrastiveSynthesizer',
        generator=old.generator,
        losses=old.losses,
        batch_size=16,
        steps=2,
        bank_size=40,
        negatives=20,
        head_dim=8,
        crop_padding=1,
    )
    cfg.model.synthesizer.update(options)
    return cfg


def phase(distiller, optim_wrapper=None):
    context = synthesis_context(distiller, optim_wrapper or HeadSteps())
    return distiller.synthesizer.synthesize(context)


def nce_by_hand(local, whole, temperature):
    """Each row of one view against all rows of the other, in float64, term by term."""
    local, whole = local.double().numpy(), whole.double().numpy()
    losses = []
    for i, row in enumerate(local):
        similarity = np.array([row @ other / temperature for other in whole])
        losses.append(np.log(np.exp(similarity).sum()) - similarity[i])
    return np.array(losses)


@pytest.mark.parametrize('temperature', [0.1, 0.5, 2.0])
def test_info_nce_against_numpy(temperature):
    torch.manual_seed(0)
    local, whole = F.normalize(torch.randn(2, 7, 5), dim=-1)
    found = info_nce(local, whole, temperature)
    np.testing.assert_allclose(found.numpy(), nce_by_hand(local, whole, temperature), rtol=1e-4)


def test_info_nce_of_perfect_and_of_undecided_views():
    apart = torch.eye(6)
    assert info_nce(apart, apart, 0.01).max() < 1e-6
    same = F.normalize(torch.ones(6, 3))
    assert torch.allclose(info_nce(same, same, 0.1), torch.tensor(6.0).log())


def test_only_the_local_view_gets_a_gradient():
    local, whole = (F.normalize(torch.randn(4, 3)).requires_grad_() for _ in range(2))
    info_nce(local, whole, 0.1).sum().backward()
    assert local.grad.any() and whole.grad is None


@pytest.mark.parametrize('filled', [0, 3, 40])
def test_term_with_the_bank_against_numpy(tiny, filled):
    """Batch and bank are averaged apart; every drawn row of the bank is told from all."""
    distiller = build_distiller(contrastive_config(tiny, negatives=40))
    synthesizer = distiller.synthesizer
    width = synthesizer.bank.shape[1] // 2
    local, whole = torch.randn(2, 16, width)
    synthesizer.bank[:filled] = torch.randn(filled, 2 * width)
    found = synthesizer.contrast(local, whole, filled, distiller.rng).item()

    old_local, old_whole = synthesizer.bank[:filled].chunk(2, dim=1)
    with torch.no_grad():
        views = [
            synthesizer.head(torch.cat(pair))
            for pair in ((local, old_local), (whole, old_whole))
        ]
    views = [v / v.square().sum(1, keepdim=True).sqrt() for v in views]
    losses = nce_by_hand(*views, temperature=0.1)
    expected = losses[:16].mean() + (losses[16:].mean() if filled else 0)
    assert found == pytest.approx(expected, rel=1e-4)


def test_negatives_are_drawn_from_the_filled_rows_without_repetition(tiny):
    distiller = build_distiller(contrastive_config(tiny, negatives=6))
    synthesizer, seen = distiller.synthesizer, []
    width = synthesizer.bank.shape[1] // 2
    synthesizer.bank.copy_(torch.arange(40.0)[:, None].expand_as(synthesizer.bank))
    synthesizer.head = Recorder(seen)
    for _ in range(50):
        synthesizer.contrast(*torch.randn(2, 16, width), 30, distiller.rng)
    rows = [x[16:22, 0].int().tolist() for x in seen]
    assert all(len(set(r)) == 6 for r in rows)
    assert set(sum(rows, [])) == set(range(30))


class Recorder(nn.Module):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, x):
        self.seen.append(x.clone())
        return x


def test_bank_keeps_the_latest_features(tiny):
    distiller = build_distiller(contrastive_config(tiny))
    synthesizer, remembered = distiller.synthesizer, []
    for first in (0, 16, 32, 48):
        features = torch.arange(first, first + 16.0)[:, None].expand(-1, 2)
        features = features.repeat(1, synthesizer.bank.shape[1] // 2)
        synthesizer._remember(features)
        remembered = (remembered + list(range(first, first + 16)))[-40:]
        found = synthesizer.bank[: min(first + 16, 40), 0].int().tolist()
        assert sorted(found) == remembered
    assert synthesizer.banked == 64


def test_features_are_the_spatial_means_of_what_enters_the_batch_norms(tiny):
    distiller = build_distiller(contrastive_config(tiny, steps=1))
    synthesizer, views = distiller.synthesizer, []
    teacher = distiller.teacher
    handle = teacher.register_forward_pre_hook(lambda m, x: views.append(x[0].detach()))
    phase(distiller)
    handle.remove()
    assert len(views) == 2  # the local, then the global one

    means, expected = [], []
    for layer in teacher.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(
                lambda m, x, out: means.append(x[0].numpy().mean(axis=(2, 3)))
            )
    for view in views:
        means.clear()
        with torch.no_grad():
            teacher(view)
        expected.append(np.concatenate(means, axis=1))
    np.testing.assert_allclose(
        synthesizer.bank[:16].numpy(), np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-5
    )


def test_named_feature_layers(tiny):
    names = ['layer1', 'layer2', 'layer3']
    distiller = build_distiller(contrastive_config(tiny, feature_layers=names))
    assert distiller.synthesizer.bank.shape == (40, 2 * (16 + 16 + 32))  # what enters them
    phase(distiller)
    with pytest.raises(ConfigError, match=r"no module 'layer4'; did you mean layer\d"):
        build_distiller(contrastive_config(tiny, feature_layers=['layer4']))


def test_inversion_losses_see_the_global_view_alone(tiny):
    distiller = build_distiller(contrastive_config(tiny, steps=1, modulate=False))
    synthesizer, teacher, views = distiller.synthesizer, distiller.teacher, []
    handle = teacher.register_forward_pre_hook(lambda m, x: views.append(x[0].detach()))
    _, log = phase(distiller)
    handle.remove()
    alone = BNStatisticsLoss()
    alone.attach(teacher)
    logits = teacher(views[1].requires_grad_())
    state = InversionState(views[1], None, logits, None, distiller.task)
    torch.testing.assert_close(log['bn'], alone(state).detach())
    assert set(log) == {'bn', 'class_prior', 'adversarial', 'contrastive'}
    assert synthesizer.contrast_weight == 0.8


def test_each_batch_has_a_fresh_generator_and_the_head_goes_on(tiny):
    runner = build_runner(contrastive_config(tiny))
    runner.train()
    synthesizer = runner.model.synthesizer
    optimizer = runner.optim_wrapper['generator'].optimizer
    trained = {id(p) for p in optimizer.state}
    assert trained == {id(p) for p in synthesizer.head.parameters()}
    assert not any(p.requires_grad for p in synthesizer.generator.parameters())
    assert synthesizer.banked == 4 * 16  # rounds


def test_images_get_a_gradient_from_the_contrastive_term_alone(tiny):
    distiller = build_distiller(
        contrastive_config(tiny, steps=3, contrast_weight=1.0, generator_lr=0.05)
    )
    for loss in distiller.synthesizer.losses.values():
        loss.weight = 0.0
    logs = []
    for _ in range(2):
        distiller.seed(0)
        logs.append(phase(distiller)[1]['contrastive'].item())
        distiller.synthesizer.banked.zero_()
        distiller.synthesizer.steps = 30
    assert logs[1] < logs[0]


def test_fresh_copy():
    generator = DCGANGenerator(latent_dim=64, width=32, num_classes=10).requires_grad_(False)
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    first, second = (fresh_copy(generator, torch.Generator().manual_seed(s)) for s in (0, 1))
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    assert all(p.requires_grad for p in first.parameters())
    for name, layer in first.requires_grad_(False).named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            assert layer.weight.std() == pytest.approx(0.02, rel=0.05), name
            assert layer.weight.mean().abs() < 2e-3
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean() == pytest.approx(1, abs=0.015), name
            assert layer.weight.std() == pytest.approx(0.02, rel=0.4)
        if getattr(layer, 'bias', None) is not None:
            assert not layer.bias.any()
    others = dict(second.named_parameters())
    for name, parameter in first.named_parameters():
        if not name.endswith('bias'):
            assert not torch.equal(parameter, others[name])
            assert not torch.equal(parameter, before[name])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(temperature=0), 'temperature=0 must be above 0'),
        (dict(local_scale=(0.5, 1.5)), r'local_scale=\(0.5, 1.5\) must be two shares'),
        (dict(bank_size=3), 'bank_size=3 must be at least batch_size=4'),
        (dict(negatives=0), 'negatives=0 must be at least 1'),
    ],
)
def test_bad_input(options, message):
    generator = dict(type='DCGANGenerator', width=4, image_size=8)
    with pytest.raises(ConfigError, match=message):
        ContrastiveSynthesizer(generator, {}, 4, **options)
