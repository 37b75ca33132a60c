"""The contract, the inverse of the classifier, the coupling, and the mixing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from projects.cpnet.generator import CoupledGenerator, Map, measure_maps, stage_norms
from projects.cpnet.inverse import ClassifierInverse, find_classifier
from projects.cpnet.mixing import cutmix, mixed_cross_entropy
from projects.cpnet.synthesizer import CPNetSynthesizer, with_running_statistics
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS
from ssdkd.tasks import Classification
from ssdkd.testing import check_synthesizer
from ssdkd.testing.networks import tiny_networks

K = 4
SMALL = dict(
    losses=dict(
        bn=dict(type='BNStatisticsLoss', momentum=0.9),
        adversarial=dict(type='AdversarialLoss', temperature=1.0, decision=True),
    ),
    image_size=8,
    batch_size=2 * K + 2,
    steps=2,
    latent_dim=6,
    augment=[dict(type='RandomCropFlip', padding=1, flip=True)],
)


@pytest.mark.parametrize('options', [dict(), dict(life=1, mix=1.0), dict(batch_size=K - 1)])
def test_contract(options):
    check_synthesizer(CPNetSynthesizer, **SMALL | options)


@pytest.mark.parametrize(
    'network, nodes, channels, sizes',
    [
        (
            dict(type='CifarResNet', depth=20),
            ['layer3.2.bn2', 'layer2.2.bn2', 'layer1.2.bn2'],
            [64, 32, 16],
            [8, 16, 32],
        ),
        (
            dict(type='VGG', depth=11),
            ['block4.4', 'block3.4', 'block2.4', 'block1.1', 'block0.1'],
            [512, 512, 256, 128, 64],
            [4, 4, 8, 16, 32],
        ),
    ],
)
def test_the_generator_has_the_teachers_maps(network, nodes, channels, sizes):
    teacher = nn.ModuleDict(dict(model=MODELS.build(network)))  # within a wrapper
    teacher.forward = lambda x: teacher.model(x)
    assert stage_norms(teacher) == [f'model.{node}' for node in nodes]
    maps = measure_maps(teacher.eval(), stage_norms(teacher), (32, 32))
    assert [(m.channels, m.size) for m in maps] == [
        (c, (s, s)) for c, s in zip(channels, sizes)
    ]
    images, made = CoupledGenerator(5, maps, (32, 32))(torch.randn(3, 5))
    assert images.shape == (3, 3, 32, 32) and 0 <= images.min() and images.max() <= 1
    assert [m.shape for m in made] == [(3, c, s, s) for c, s in zip(channels, sizes)]
    assert not teacher._forward_pre_hooks and not teacher._forward_hooks


def test_features_of_a_label_have_its_smoothed_probabilities():
    classifier = nn.Linear(16, K)
    nn.init.orthogonal_(classifier.weight, gain=2.0)
    inverse = ClassifierInverse(classifier)
    probabilities = classifier(inverse.features).softmax(dim=1).detach()
    expected = np.full((K, K), 0.1 / (K - 1)) + (0.9 - 0.1 / (K - 1)) * np.eye(K)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    # Of all features with these logits they are the shortest.
    w, b = classifier.weight.detach().numpy(), classifier.bias.detach().numpy()
    logits = np.log(0.9 * (K - 1) / 0.1) * np.eye(K) - b
    np.testing.assert_allclose(inverse.features, logits @ np.linalg.pinv(w).T, atol=1e-4)


def test_small_singular_values_count_as_a_tenth():
    classifier = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1e-6]]))
    delta = np.log(0.9 / 0.1)
    np.testing.assert_allclose(
        ClassifierInverse(classifier).features, delta * np.diag([1, 10]), rtol=1e-5
    )


def test_alignment_against_numpy():
    classifier = nn.Linear(6, K)
    inverse, targets = ClassifierInverse(classifier), torch.tensor([0, 3, 3])
    features = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    w = classifier.weight.detach().double().numpy()
    u, s, vh = np.linalg.svd(w, full_matrices=False)
    idle = (vh.T @ np.diag(1 / np.maximum(s, 0.1)) @ u.T).sum(axis=1)
    difference = features.numpy() - inverse.features[targets].numpy()
    norms = np.linalg.norm(difference, axis=1) * np.linalg.norm(idle)
    expected = np.abs(difference @ idle) / norms
    np.testing.assert_allclose(inverse.alignment(features, targets), expected, atol=1e-5)


def test_along_the_idle_direction_the_probabilities_stay():
    classifier = nn.Linear(16, K)
    inverse = ClassifierInverse(nn.utils.parametrizations.orthogonal(classifier))
    features = torch.randn(5, 16)
    moved = inverse.logits(features + 3 * inverse.idle)
    torch.testing.assert_close(
        moved.softmax(dim=1), inverse.logits(features).softmax(dim=1), atol=1e-5, rtol=0
    )


def test_features_get_the_running_statistics():
    norm = nn.BatchNorm2d(3, eps=0.0)
    norm.running_mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    norm.running_var.copy_(torch.tensor([4.0, 0.25, 1.0]))
    features = 5 + 3 * torch.randn(6, 3, 4, 4)
    new = with_running_statistics(features, norm)
    np.testing.assert_allclose(new.mean(dim=(0, 2, 3)), norm.running_mean, atol=1e-4)
    np.testing.assert_allclose(new.var(dim=(0, 2, 3)), norm.running_var, rtol=1e-4)


def test_cutmix_pastes_one_box_and_states_its_share():
    rng = torch.Generator().manual_seed(0)
    images = torch.arange(64.0).view(64, 1, 1, 1).expand(64, 3, 16, 12)
    mixed, partners, share = cutmix(images, 1.0, rng)
    for i, partner in enumerate(partners.tolist()):
        box = mixed[i, 0] == partner
        if partner != i:
            assert share[i] == pytest.approx(box.float().mean().item())
            rows, columns = box.any(dim=1), box.any(dim=0)
            assert torch.equal(box, rows[:, None] & columns[None])
            assert (mixed[i] == i).logical_or(box).all()
    assert 0.15 < share.mean() < 0.5 and share.max() > 0.5
    unmixed, _, share = cutmix(images, 0.0, rng)
    assert torch.equal(unmixed, images) and not share.any()
    often = [bool(cutmix(images, 0.5, rng)[2].any()) for _ in range(200)]
    assert 70 < sum(often) < 130


def test_cross_entropy_of_mixed_labels():
    rng = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(5, K, generator=rng), torch.tensor([0, 1, 2, 3, 0])
    partners, share = torch.tensor([1, 2, 3, 4, 0]), torch.rand(5, generator=rng)
    eye = torch.eye(K)
    labels = (1 - share)[:, None] * eye[targets] + share[:, None] * eye[targets[partners]]
    torch.testing.assert_close(
        mixed_cross_entropy(logits, targets, partners, share),
        F.cross_entropy(logits, labels, reduction='none'),
    )


def synthesizer(**options):
    made = CPNetSynthesizer(**SMALL | options)
    teacher, student = tiny_networks(Classification(K))
    made.attach(teacher, K)
    return made, teacher, student


def test_terms_by_hand():
    """Of unmixed images, against the teacher's own layers."""
    made, teacher, _ = synthesizer(mix=0.0)
    targets = torch.arange(K)
    images, maps = made.generator(torch.randn(K, 6))
    logits = teacher(images)
    still = torch.arange(K), torch.zeros(K)
    terms = made.own_terms(maps, targets, *still, warmup=False)
    assert terms['class_prior'].item() == pytest.approx(F.cross_entropy(logits, targets).item())
    net, x = teacher.model, (images - 0.5) / 0.25
    first = net.layer1[0](x)
    second = net.layer2[0](net.layer1(x))
    coupling = sum(
        (mine - with_running_statistics(theirs, norm)).square().mean().item()
        for mine, theirs, norm in zip(maps, (second, first), (net.layer2[1], net.layer1[1]))
    )
    assert terms['coupling'].item() == pytest.approx(coupling, rel=1e-4)
    teacher(images)
    assert 'alignment' not in made.own_terms(maps, targets, *still, warmup=True)


def test_after_a_run_no_hook_stays():
    made, teacher, _ = synthesizer()
    made.detach()
    assert not any(m._forward_pre_hooks for m in teacher.modules())


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(batch_size=1), 'batch_size=1 must be at least 2'),
        (dict(mix=2), r'mix=2 must lie in \[0, 1\]'),
        (dict(nodes=['layer9']), "nodes: the teacher has no layer 'layer9'"),
        (dict(nodes=['model.head']), r"what enters 'model.head' has shape \[1, 8\]"),
    ],
)
def test_arguments_that_will_not_do(options, message):
    with pytest.raises(ConfigError, match=message):
        synthesizer(**options)


def test_a_teacher_without_classifier_or_stages():
    with pytest.raises(ConfigError, match='a linear layer with 4 outputs'):
        find_classifier(nn.Linear(3, 5), 4)
    with pytest.raises(ConfigError, match='no stages with batch norms'):
        stage_norms(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))


def test_maps_of_one_size_need_no_stage_between():
    maps = [Map('a', 4, (4, 4)), Map('b', 2, (4, 4))]
    images, made = CoupledGenerator(3, maps, (8, 8))(torch.randn(2, 3))
    assert images.shape == (2, 3, 8, 8) and [len(m) for m in made] == [2, 2]
