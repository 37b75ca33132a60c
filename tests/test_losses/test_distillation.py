"""Distillation terms against numpy and scipy, and how the distiller adds them up."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from ssdkd.errors import ConfigError
from ssdkd.losses import KLDivergenceLoss, L1LogitLoss
from ssdkd.tasks import Classification, Segmentation

CASES = [(Classification(5), (8, 5)), (Segmentation(5), (8, 5, 4, 6))]
IDS = ['classification', 'segmentation']


def logits(shape):
    """Teacher's and student's."""
    return 3 * torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))


def pixel_mean(x):
    """Of [N] or [N, H, W], over the pixels if there are any."""
    return x.reshape(len(x), -1).mean(1)


@pytest.mark.parametrize('task, shape', CASES, ids=IDS)
@pytest.mark.parametrize('temperature', [1.0, 4.0, 20.0])
def test_kl_divergence(task, shape, temperature):
    teacher, student = logits(shape)
    p, q = (softmax(z.double().numpy() / temperature, 1) for z in (teacher, student))
    expected = pixel_mean(temperature**2 * rel_entr(p, q).sum(1))
    value = KLDivergenceLoss(temperature=temperature)(student, teacher, task)
    assert value.shape == (8,)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6 * temperature**2)


@pytest.mark.parametrize('task, shape', CASES, ids=IDS)
def test_l1_logit(task, shape):
    teacher, student = logits(shape)
    difference = abs(teacher.double().numpy() - student.double().numpy())
    expected = pixel_mean(difference.mean(1))
    np.testing.assert_allclose(L1LogitLoss()(student, teacher, task), expected, rtol=1e-5)


@pytest.mark.parametrize('temperature', [0, -1.0])
def test_impossible_temperature(temperature):
    with pytest.raises(ConfigError, match=f'temperature={temperature}'):
        KLDivergenceLoss(temperature=temperature)


def test_a_method_that_is_no_longer_called_is_refused_where_the_class_is_defined():
    with pytest.raises(ConfigError, match=r'Old: observing\(\) is no longer part .* compare'):

        class Old(KLDivergenceLoss):
            def observing(self):
                return None
