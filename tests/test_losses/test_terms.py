"""Class prior, adversarial loss and image priors against numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, rel_entr, softmax

from ssdkd.errors import ConfigError
from ssdkd.losses import (
    AdversarialL1Loss,
    AdversarialLoss,
    ClassPriorLoss,
    InformationEntropyLoss,
    InversionState,
    JSCompetitionLoss,
    L2Loss,
    PseudoLabelLoss,
    TotalVariationLoss,
    TotalVariationTargetLoss,
)
from ssdkd.tasks import Classification, Segmentation


@pytest.fixture
def state():
    rng = torch.Generator().manual_seed(0)
    teacher = 3 * torch.randn(8, 5, generator=rng)
    student = 3 * torch.randn(8, 5, generator=rng)
    student[:4] = teacher[:4] + 0.1 * student[:4]  # so that half of them agree
    return InversionState(
        images=torch.rand(8, 3, 5, 6, generator=rng),
        targets=torch.arange(8) % 5,
        teacher_logits=teacher,
        student_logits=student,
        task=Classification(5),
    )


@pytest.fixture(params=['classification', 'segmentation'])
def either(request, state):
    """The same for logits [8, 5] and [8, 5, 3, 4]."""
    if request.param == 'segmentation':
        rng = torch.Generator().manual_seed(1)
        state.teacher_logits = 3 * torch.randn(8, 5, 3, 4, generator=rng)
        state.student_logits = 3 * torch.randn(8, 5, 3, 4, generator=rng)
        state.task = Segmentation(5)
    return state


def numpy_logits(state):
    """Teacher's and student's as [N, pixels, K]; a classifier's have one pixel."""
    return [
        z.double().numpy().reshape(8, 5, -1).transpose(0, 2, 1)
        for z in (state.teacher_logits, state.student_logits)
    ]


def test_class_prior(state):
    expected = -log_softmax(state.teacher_logits.double().numpy(), 1)[range(8), state.targets]
    np.testing.assert_allclose(ClassPriorLoss()(state), expected, rtol=1e-5)


@pytest.mark.parametrize('temperature', [1.0, 4.0, 20.0])
@pytest.mark.parametrize('decision', [False, True])
def test_adversarial(state, temperature, decision):
    teacher, student = (
        z.double().numpy() for z in (state.teacher_logits, state.student_logits)
    )
    p, q = (softmax(z / temperature, 1) for z in (teacher, student))
    expected = -(temperature**2) * rel_entr(p, q).sum(1)
    if decision:
        mask = teacher.argmax(1) == student.argmax(1)
        assert 0 < mask.sum() < 8
        expected = expected * mask
    loss = AdversarialLoss(temperature=temperature, decision=decision)
    # The factor T^2 enlarges the rounding of float32.
    np.testing.assert_allclose(loss(state), expected, rtol=1e-5, atol=1e-6 * temperature**2)


def test_adversarial_is_lowest_where_they_differ(state):
    state.student_logits = state.teacher_logits
    np.testing.assert_allclose(AdversarialLoss()(state), np.zeros(8), atol=1e-5)


def test_total_variation(state):
    x = state.images.double().numpy()
    expected = []
    for image in x:
        down = [
            abs(image[c, i + 1, j] - image[c, i, j])
            for c in range(3)
            for i in range(4)
            for j in range(6)
        ]
        across = [
            abs(image[c, i, j + 1] - image[c, i, j])
            for c in range(3)
            for i in range(5)
            for j in range(5)
        ]
        expected.append(sum(down) / len(down) + sum(across) / len(across))
    np.testing.assert_allclose(TotalVariationLoss()(state), expected, rtol=1e-5)


@pytest.mark.parametrize('low, high', [(0.2, 0.3), (0.5, 1.3), (3.0, 4.0)])
def test_total_variation_target(state, low, high):
    """Below, within and above what these images have; v is drawn here, as PSAQ-ViT does."""
    x = state.images.double().numpy()
    norms = [
        np.linalg.norm(d) / np.sqrt(d.size)
        for d in (
            np.diff(x, axis=2),
            np.diff(x, axis=3),
            x[:, :, 1:, 1:] - x[:, :, :-1, :-1],
            x[:, :, 1:, :-1] - x[:, :, :-1, 1:],
        )
    ]
    v = low + (high - low) * (np.arange(100_000) + 0.5) / 100_000
    v = v * np.exp(0.15 * np.log(224 / np.sqrt(5 * 6)))
    expected = np.abs(sum(norms) - v).mean()
    loss = TotalVariationTargetLoss(low=low, high=high)
    np.testing.assert_allclose(loss(state), expected, rtol=1e-5)


def test_published_target_in_our_units():
    scale = 0.225 / np.sqrt(32 * 3 * 224**2)
    loss = TotalVariationTargetLoss()
    np.testing.assert_allclose([loss.low, loss.high], [2500 * scale, 3000 * scale], atol=5e-4)


def test_flat_images_have_a_gradient_of_the_target(state):
    state.images = torch.full((2, 3, 5, 6), 0.5, requires_grad=True)
    TotalVariationTargetLoss()(state).backward()
    assert state.images.grad.isfinite().all()


def test_target_without_room():
    with pytest.raises(ConfigError, match='low=0.3 and high=0.3; high must be above low'):
        TotalVariationTargetLoss(low=0.3, high=0.3)


def test_l2(state):
    expected = [
        sum((v - 0.5) ** 2 for v in image.ravel()) / image.size
        for image in state.images.double().numpy()
    ]
    np.testing.assert_allclose(L2Loss()(state), expected, rtol=1e-5)


def test_pseudo_label(either):
    teacher, _ = numpy_logits(either)
    expected = -np.log(softmax(teacher, 2).max(2)).mean(1)
    np.testing.assert_allclose(PseudoLabelLoss()(either), expected, rtol=1e-5)


def test_pseudo_label_is_a_class_prior_of_the_own_prediction(state):
    state.targets = state.teacher_logits.argmax(1)
    np.testing.assert_allclose(PseudoLabelLoss()(state), ClassPriorLoss()(state), rtol=1e-6)


def test_pseudo_label_gradient_against_autograd(either):
    """That of -log p(c) for the class c held fixed: p - onehot(c), over the pixels."""
    z = either.teacher_logits.requires_grad_()
    PseudoLabelLoss()(either).sum().backward()
    p = z.detach().softmax(1)
    onehot = (p == p.amax(1, keepdim=True)).float()
    pixels = p[0, 0].numel()
    torch.testing.assert_close(z.grad, (p - onehot) / pixels, rtol=1e-4, atol=1e-6)


def test_information_entropy(either):
    teacher, _ = numpy_logits(either)
    p = softmax(teacher, 2).mean((0, 1))
    value = InformationEntropyLoss()(either)
    assert value.shape == ()
    np.testing.assert_allclose(value, (p * np.log(p)).sum(), rtol=1e-5)


def test_information_entropy_by_hand(state):
    """Two classes that share the batch in the ratio 1 to 3, each sample certain."""
    state.teacher_logits = torch.tensor([[200.0, -200.0]] * 2 + [[-200.0, 200.0]] * 6)
    expected = 0.25 * np.log(0.25) + 0.75 * np.log(0.75)
    np.testing.assert_allclose(InformationEntropyLoss()(state), expected, rtol=1e-5)
    state.teacher_logits = 1000 * torch.eye(8)  # balanced: the least there is
    np.testing.assert_allclose(InformationEntropyLoss()(state), -np.log(8), rtol=1e-5)


def test_information_entropy_of_a_class_that_nothing_has(state):
    z = torch.tensor([[500.0, -500.0]] * 8, requires_grad=True)
    state.teacher_logits = z
    value = InformationEntropyLoss()(state)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6) and z.grad.isfinite().all()


def test_information_entropy_gradient_against_float64(either):
    z = either.teacher_logits.requires_grad_()
    InformationEntropyLoss()(either).backward()
    exact = z.detach().double().requires_grad_()
    p = exact.softmax(1).transpose(0, 1).flatten(1).mean(1)
    (p * p.log()).sum().backward()
    torch.testing.assert_close(z.grad.double(), exact.grad, rtol=1e-4, atol=1e-7)


def test_adversarial_l1(either):
    teacher, student = numpy_logits(either)
    expected = -abs(teacher - student).mean((1, 2))
    np.testing.assert_allclose(AdversarialL1Loss()(either), expected, rtol=1e-5)


@pytest.mark.parametrize('temperature', [1.0, 3.0])
def test_js_competition(either, temperature):
    p, q = (softmax(z / temperature, 2) for z in numpy_logits(either))
    js = np.array([[jensenshannon(a, b) ** 2 for a, b in zip(*x)] for x in zip(p, q)])
    loss = JSCompetitionLoss(temperature=temperature)
    np.testing.assert_allclose(loss(either), 1 - js.mean(1), rtol=1e-5)


def test_js_competition_at_its_ends(state):
    state.student_logits = state.teacher_logits
    np.testing.assert_allclose(JSCompetitionLoss()(state), np.ones(8), rtol=1e-6)
    # Two networks that are sure of different classes; nothing may become inf * 0.
    state.teacher_logits = torch.tensor([[900.0, -900.0]], requires_grad=True)
    state.student_logits = torch.tensor([[-900.0, 900.0]])
    value = JSCompetitionLoss()(state)
    value.sum().backward()
    assert value.item() == pytest.approx(1 - np.log(2))
    assert state.teacher_logits.grad.isfinite().all()


def test_js_competition_gradient_against_float64(either):
    z, student = either.teacher_logits.requires_grad_(), either.student_logits
    JSCompetitionLoss()(either).sum().backward()
    exact = z.detach().double().requires_grad_()
    p, q = ((x.double() / 3).softmax(1) for x in (exact, student))
    m = (p + q) / 2
    js = 0.5 * (p * (p / m).log() + q * (q / m).log()).sum(1)
    (1 - js.reshape(8, -1).mean(1)).sum().backward()
    torch.testing.assert_close(z.grad.double(), exact.grad, rtol=1e-3, atol=1e-7)


def test_js_competition_without_temperature():
    with pytest.raises(ConfigError, match='JSCompetitionLoss: temperature=0'):
        JSCompetitionLoss(temperature=0)


PER_SAMPLE = [
    AdversarialL1Loss(),
    AdversarialLoss(),
    ClassPriorLoss(),
    JSCompetitionLoss(),
    L2Loss(),
    PseudoLabelLoss(),
    TotalVariationLoss(),
]


@pytest.mark.parametrize('loss', PER_SAMPLE, ids=lambda loss: type(loss).__name__)
def test_terms_are_per_sample(either, loss):
    assert loss(either).shape == (8,)


@pytest.mark.parametrize('loss', PER_SAMPLE, ids=lambda loss: type(loss).__name__)
def test_terms_say_that_they_need_the_student(either, loss):
    """Such a term rests during warm-up; what phi weighs must be per sample."""
    either.student_logits = None
    if loss.needs_student:
        with pytest.raises((AttributeError, TypeError)):
            loss(either)
    else:
        loss(either)
    assert not InformationEntropyLoss().modulated
