"""Binary classification by one logit, against numpy."""

import numpy as np
import pytest
import torch
from scipy.special import expit, rel_entr

from ssdkd.errors import ConfigError
from ssdkd.tasks import (
    BinaryClassification,
    Classification,
    MultiLabelClassification,
    Segmentation,
)


def random_logits(seed, n=16, labels=1, scale=4.0):
    return scale * torch.randn(n, labels, generator=torch.Generator().manual_seed(seed))


def bernoulli_divergence(teacher, student, temperature):
    """T^2 KL of Bernoulli distributions, elementwise, in float64."""
    p, q = (expit(z.double().numpy() / temperature) for z in (teacher, student))
    return temperature**2 * (rel_entr(p, q) + rel_entr(1 - p, 1 - q))


@pytest.mark.parametrize('temperature', [0.5, 1.0, 4.0, 20.0])
def test_divergence_against_numpy(temperature):
    student, teacher = random_logits(0), random_logits(1)
    value = BinaryClassification().divergence(student, teacher, temperature)
    expected = bernoulli_divergence(teacher, student, temperature)[:, 0]
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('temperature', [0.5, 1.0, 20.0])
def test_divergence_of_labels_against_numpy(temperature):
    student, teacher = random_logits(0, labels=5), random_logits(1, labels=5)
    value = MultiLabelClassification(5).divergence(student, teacher, temperature)
    expected = bernoulli_divergence(teacher, student, temperature).mean(1)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_saturated_logits():
    student = torch.tensor([[1e4], [-1e4], [0.0]], requires_grad=True)
    teacher = torch.full((3, 1), 1e4)
    value = BinaryClassification().divergence(student, teacher, 1.0)
    np.testing.assert_allclose(value.detach(), [0.0, 1e4, np.log(2)], rtol=1e-5, atol=1e-6)
    value.sum().backward()
    assert student.grad.isfinite().all()


def test_classify():
    logits = random_logits(0).requires_grad_()
    output = BinaryClassification().classify(logits)
    p = expit(logits.detach().double().numpy())[:, 0]
    assert output.label.tolist() == (p > 0.5).astype(int).tolist()
    np.testing.assert_allclose(output.confidence, np.maximum(p, 1 - p), rtol=1e-5)
    np.testing.assert_array_equal(output.class_share, np.eye(2)[output.label])


def test_class_prior_is_binary_cross_entropy():
    logits, targets = random_logits(0), torch.arange(16) % 2
    p = expit(logits.double().numpy())[:, 0]
    expected = -np.log(np.where(targets.numpy() == 1, p, 1 - p))
    value = BinaryClassification().class_prior(logits, targets)
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_agreement_and_predictions():
    task = BinaryClassification()
    student, teacher = torch.tensor([[2.0], [-1.0], [5.0]]), torch.tensor([[9.0], [3.0], [0.1]])
    assert task.agreement(student, teacher).tolist() == [1.0, 0.0, 1.0]
    (prediction,) = task.predict(student, None)
    assert prediction['logits'].argmax(1).tolist() == [1, 0, 1]


LABELS = torch.tensor([[3.0, -1.0, 2.0], [-5.0, -2.0, -4.0], [1.0, 1.0, 1.0]])


def test_classify_labels():
    """Seen labels share an image; one without any counts for the most likely."""
    output = MultiLabelClassification(3).classify(LABELS)
    expected = [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(output.class_share, expected, rtol=1e-6)
    assert output.label.tolist() == [0, 1, 0]
    p = expit(LABELS.numpy())
    np.testing.assert_allclose(output.confidence, np.maximum(p, 1 - p).mean(1), rtol=1e-6)


def test_class_prior_of_a_label():
    value = MultiLabelClassification(3).class_prior(LABELS, torch.tensor([2, 0, 1]))
    expected = -np.log(expit(np.array([2.0, -5.0, 1.0])))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_agreement_of_labels():
    others = torch.tensor([[3.0, 1.0, 2.0], [-5.0, -2.0, -4.0], [-1.0, -1.0, -1.0]])
    value = MultiLabelClassification(3).agreement(LABELS, others)
    np.testing.assert_allclose(value, [2 / 3, 1.0, 0.0], rtol=1e-6)


def test_mean_shares_against_numpy():
    logits = random_logits(0, labels=3)
    p = expit(logits.double().numpy()).mean(0)
    value = MultiLabelClassification(3).log_mean_share(logits).exp()
    np.testing.assert_allclose(value, p / p.sum(), rtol=1e-5)
    q = expit(logits[:, :1].double().numpy()).mean()
    value = BinaryClassification().log_mean_share(logits[:, :1]).exp()
    np.testing.assert_allclose(value, [1 - q, q], rtol=1e-5)


REMEDY = "BinaryClassification', num_classes=2) (task='binary' with num_classes=2"
MISFITS = [
    (Classification(2), 1, f'has 1 output; one logit, with a sigmoid.*{REMEDY}'),
    (MultiLabelClassification(4), 1, 'has 1 output; one logit'),
    (BinaryClassification(), 2, "has 2 outputs, but BinaryClassification .*'Classification'"),
    (BinaryClassification(), 5, "has 5 outputs.*'MultiLabelClassification'"),
    (Classification(3), 5, 'has 5 outputs, but model.task.num_classes=3; make them equal'),
    (Segmentation(2), 1, 'has 1 output, but foreground and background .*output= name'),
]


@pytest.mark.parametrize('task, outputs, message', MISFITS)
def test_a_network_of_another_task(task, outputs, message):
    shape = (1, outputs) + (4, 4) * isinstance(task, Segmentation)
    message = message.replace('(', r'\(').replace(')', r'\)')
    with pytest.raises(ConfigError, match=f'^model.teacher {message}'):
        task.check_output(torch.zeros(shape), 'model.teacher', trained=True)


def test_numbers_of_classes():
    for kind in (Classification, MultiLabelClassification, Segmentation):
        with pytest.raises(ConfigError, match='num_classes=1: one logit.*BinaryClassification'):
            kind(1)
    with pytest.raises(ConfigError, match='BinaryClassification has 2 classes'):
        BinaryClassification(1)
