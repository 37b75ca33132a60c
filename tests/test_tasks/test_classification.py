"""What classification means by class, confidence and divergence, against scipy."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from ssdkd.tasks import Classification, kl_divergence


def random_logits(seed, n=16, k=10, scale=4.0):
    return scale * torch.randn(n, k, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('temperature', [0.5, 1.0, 4.0, 20.0])
def test_divergence_against_scipy(temperature):
    student, teacher = random_logits(0), random_logits(1)
    p, q = (softmax(z.double().numpy() / temperature, 1) for z in (teacher, student))
    expected = temperature**2 * rel_entr(p, q).sum(1)
    value = Classification(10).divergence(student, teacher, temperature)
    assert value.shape == (16,)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_divergence_of_saturated_logits_is_finite():
    student = torch.tensor([[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[1e4, -1e4], [1e4, -1e4], [1e4, -1e4]])
    value = kl_divergence(student, teacher, 1.0)
    np.testing.assert_allclose(value.detach(), [0.0, 2e4, np.log(2)], rtol=1e-5, atol=1e-6)
    value.sum().backward()
    assert student.grad.isfinite().all()


def test_divergence_keeps_further_dimensions():
    student, teacher = (random_logits(s, 4 * 6, 5) for s in (0, 1))
    flat = kl_divergence(student, teacher, 2.0)
    maps = [z.reshape(4, 6, 5).transpose(1, 2) for z in (student, teacher)]
    torch.testing.assert_close(kl_divergence(*maps, 2.0), flat.reshape(4, 6))


def test_divergence_is_float32_for_half_precision():
    student, teacher = random_logits(0).bfloat16(), random_logits(1).bfloat16()
    value = kl_divergence(student, teacher, 4.0)
    torch.testing.assert_close(value, kl_divergence(student.float(), teacher.float(), 4.0))
    assert value.dtype == torch.float32


def test_classify():
    logits = random_logits(0).requires_grad_()
    output = Classification(10).classify(logits)
    p = softmax(logits.detach().double().numpy(), 1)
    assert output.label.tolist() == p.argmax(1).tolist()
    np.testing.assert_allclose(output.confidence, p.max(1), rtol=1e-5)
    np.testing.assert_array_equal(output.class_share, np.eye(10)[p.argmax(1)])
    assert not any(value.requires_grad for value in output)


def test_agreement():
    student = torch.tensor([[2.0, 1.0], [0.0, 1.0], [5.0, 0.0]])
    teacher = torch.tensor([[9.0, 0.0], [3.0, 1.0], [0.1, 0.0]], requires_grad=True)
    agreement = Classification(2).agreement(student, teacher)
    assert agreement.tolist() == [1.0, 0.0, 1.0] and not agreement.requires_grad
