import json

import numpy as np
import pytest
import torch

from ssdkd.evaluation import AgreementMeter


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def by_hand(student, teacher, bins=15):
    """From logits [cases, K], written out."""
    p, q = softmax(teacher), softmax(student)
    hits, confidence = q.argmax(1) == p.argmax(1), q.max(1)
    ece = 0
    for i in range(bins):
        inside = (confidence > i / bins) & (confidence <= (i + 1) / bins)
        if inside.any():
            ece += inside.mean() * abs(hits[inside].mean() - confidence[inside].mean())
    return dict(
        agreement=100 * hits.mean(),
        kl=(p * np.log(p / q)).sum(1).mean(),
        ece=100 * ece,
        student_confidence=100 * confidence.mean(),
        teacher_confidence=100 * p.max(1).mean(),
    )


@pytest.mark.parametrize('shape', [(), (4, 5)])
def test_figures_are_those_of_the_definitions(shape):
    rng = np.random.default_rng(0)
    teacher = 2 * rng.normal(size=(60, 7, *shape))
    student = teacher + rng.normal(size=teacher.shape)
    meter = AgreementMeter()
    for part in (slice(0, 25), slice(25, 60)):
        meter.update(torch.tensor(student[part]).float(), torch.tensor(teacher[part]).float())
    results = meter.results()
    flat = [np.moveaxis(z, 1, -1).reshape(-1, 7) for z in (student, teacher)]
    for name, value in by_hand(*flat).items():
        assert results[name] == pytest.approx(value, rel=1e-4), name
    hits = student.argmax(1) == teacher.argmax(1)
    per_image = hits.reshape(60, -1).mean(axis=1)
    error = 100 * per_image.std(ddof=1) / 60**0.5
    assert results['agreement_error'] == pytest.approx(error)
    from sklearn.metrics import cohen_kappa_score

    labels = [z.argmax(1) for z in flat]
    assert results['kappa'] == pytest.approx(cohen_kappa_score(*labels))
    assert results['images'] == 60 and results['cases'] == hits.size
    assert sum(row['cases'] for row in results['bins']) == hits.size
    json.dumps(results)


def test_equal_networks_agree_and_are_calibrated_only_if_sure():
    logits = torch.zeros(4, 2)
    logits[:, 0] = 40.0
    meter = AgreementMeter()
    meter.update(logits, logits)
    results = meter.results()
    assert results['agreement'] == 100 and results['kl'] == 0
    assert results['ece'] == pytest.approx(0, abs=1e-6)
    unsure = AgreementMeter()
    unsure.update(logits / 40 * np.log(3), logits)  # says 3/4, is always right
    assert unsure.results()['ece'] == pytest.approx(25, abs=1e-4)


def test_no_images_no_figures():
    with pytest.raises(RuntimeError, match='no images'):
        AgreementMeter().results()


def test_one_image_has_no_error():
    meter = AgreementMeter()
    meter.update(torch.randn(1, 3), torch.randn(1, 3))
    assert meter.results()['agreement_error'] is None


def test_two_networks_that_always_say_one_class_agree_by_chance_alone():
    meter = AgreementMeter()
    meter.update(torch.tensor([[2.0, 0.0]] * 8), torch.tensor([[1.0, 0.0]] * 8))
    results = meter.results()
    assert results['agreement'] == 100 and results['kappa'] == 0
