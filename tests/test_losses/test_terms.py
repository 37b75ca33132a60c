"""Class prior, adversarial loss and image priors against numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax

from ssdkd.losses import (
    AdversarialLoss,
    ClassPriorLoss,
    InversionState,
    L2Loss,
    TotalVariationLoss,
)
from ssdkd.tasks import Classification


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


def test_l2(state):
    expected = [
        sum((v - 0.5) ** 2 for v in image.ravel()) / image.size
        for image in state.images.double().numpy()
    ]
    np.testing.assert_allclose(L2Loss()(state), expected, rtol=1e-5)


@pytest.mark.parametrize(
    'loss', [AdversarialLoss(), ClassPriorLoss(), TotalVariationLoss(), L2Loss()]
)
def test_terms_are_per_sample(state, loss):
    assert loss(state).shape == (8,)
