"""What segmentation means by class, confidence and divergence, against numpy by hand."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from scipy.special import rel_entr, softmax

from ssdkd.errors import ConfigError
from ssdkd.tasks import Segmentation


def random_logits(seed, n=3, k=4, height=5, width=7, scale=3.0):
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, k, height, width, generator=rng)


def pixels(probabilities):
    """Logits [N, K, H, W] of the probabilities [N, H, W, K]."""
    return torch.tensor(probabilities).log().permute(0, 3, 1, 2)


def numpy_divergence(student, teacher, temperature):
    """T^2 KL of each pixel [N, H, W]."""
    p, q = (softmax(z.double().numpy() / temperature, 1) for z in (teacher, student))
    return temperature**2 * rel_entr(p, q).sum(1)


def test_classify_by_hand():
    first = [[[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], [[0.3, 0.6, 0.1], [0.1, 0.4, 0.5]]]
    second = [[[0.2, 0.2, 0.6], [0.9, 0.05, 0.05]], [[0.0, 0.0, 1.0], [0.1, 0.1, 0.8]]]
    logits = pixels([first, second]).requires_grad_()
    output = Segmentation(3).classify(logits)
    assert output.class_share.tolist() == [[0.25, 0.5, 0.25], [0.25, 0.0, 0.75]]
    assert output.label.tolist() == [1, 2] and output.label.dtype == torch.int64
    by_hand = [(0.7 + 0.8 + 0.6 + 0.5) / 4, (0.6 + 0.9 + 1.0 + 0.8) / 4]
    np.testing.assert_allclose(output.confidence.detach(), by_hand, rtol=1e-6)
    assert not any(value.requires_grad for value in output)


def test_classify_against_numpy():
    logits = random_logits(0, n=6, k=5, height=9, width=13)
    output = Segmentation(5).classify(logits)
    p = softmax(logits.double().numpy(), 1)
    counts = [np.bincount(labels.ravel(), minlength=5) for labels in p.argmax(1)]
    shares = np.array(counts) / (9 * 13)
    np.testing.assert_allclose(output.class_share, shares, rtol=1e-6)
    np.testing.assert_allclose(output.class_share.sum(1), 1, rtol=1e-6)
    assert output.label.tolist() == shares.argmax(1).tolist()
    np.testing.assert_allclose(output.confidence, p.max(1).mean((1, 2)), rtol=1e-5)


def test_shares_of_a_large_image_are_exact():
    # 2^20 pixels: added up in float16 or as fractions, ones would be lost.
    logits = torch.zeros(1, 2, 1024, 1024, dtype=torch.bfloat16)
    logits[:, 1, 0, :3] = 1
    share = Segmentation(2).classify(logits).class_share
    assert share.tolist() == [[1 - 3 / 2**20, 3 / 2**20]]


@pytest.mark.parametrize('temperature', [0.5, 1.0, 4.0, 20.0])
def test_divergence_against_numpy(temperature):
    student, teacher = random_logits(0), random_logits(1)
    value = Segmentation(4).divergence(student, teacher, temperature)
    expected = numpy_divergence(student, teacher, temperature).mean((1, 2))
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_divergence_over_sure_pixels_only():
    student, teacher = random_logits(0).requires_grad_(), random_logits(1)
    teacher[1] *= 0.01  # no pixel of this image is near certain
    value = Segmentation(4, min_confidence=0.7).divergence(student, teacher, 2.0)

    of_pixels = numpy_divergence(student.detach(), teacher, 2.0)
    sure = softmax(teacher.double().numpy(), 1).max(1) >= 0.7
    assert not sure[1].any() and sure[0].any() and not sure[0].all()
    expected = [of_pixels[i][sure[i]].mean() if sure[i].any() else 0.0 for i in range(3)]
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-4)

    value.sum().backward()
    assert student.grad.isfinite().all()
    kept = torch.from_numpy(sure)
    moved = student.grad.abs().sum(1) > 0
    assert torch.equal(moved, kept)


def test_class_prior_against_numpy():
    logits, targets = random_logits(2), [3, 0, 1]
    value = Segmentation(4).class_prior(logits, torch.tensor(targets))
    p = softmax(logits.double().numpy(), 1)
    expected = [-np.log(p[i, target].mean()) for i, target in enumerate(targets)]
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_class_prior_where_the_class_is_nowhere():
    logits = torch.zeros(1, 2, 2, 2)
    logits[:, 0] = 200.0  # the probability of class 1 is below what float32 can hold
    logits.requires_grad_()
    value = Segmentation(2).class_prior(logits, torch.tensor([1]))
    assert value.item() == pytest.approx(200.0)
    value.sum().backward()
    np.testing.assert_allclose(logits.grad[0, 1], np.full((2, 2), -0.25), rtol=1e-5)


def test_class_prior_gradient_in_closed_form():
    # d(-log m)/dz_ck = -(p_t / (P m)) (1[k = t] - p_k), m the mean of p_t over P pixels
    logits = random_logits(3).requires_grad_()
    targets = [0, 2, 2]
    Segmentation(4).class_prior(logits, torch.tensor(targets)).sum().backward()
    p = softmax(logits.detach().double().numpy(), 1)
    for i, target in enumerate(targets):
        wanted = p[i, target]
        hot = (np.arange(4) == target)[:, None, None]
        gradient = -wanted / wanted.sum() * (hot - p[i])
        np.testing.assert_allclose(logits.grad[i], gradient, rtol=1e-4, atol=1e-7)


def test_agreement():
    student, teacher = (random_logits(s).requires_grad_() for s in (4, 5))
    agreement = Segmentation(4).agreement(student, teacher)
    labels = [z.detach().numpy().argmax(1) for z in (student, teacher)]
    np.testing.assert_allclose(agreement, (labels[0] == labels[1]).mean((1, 2)), rtol=1e-6)
    assert not agreement.requires_grad


def samples(shapes):
    from mmseg.structures import SegDataSample

    return [SegDataSample(metainfo=dict(ori_shape=shape, img_shape=(5, 7))) for shape in shapes]


def test_predict_as_mmseg_does():
    from mmseg.models.segmentors import BaseSegmentor

    class Plain(BaseSegmentor):
        """What is left of mmseg's segmentors is how they finish a prediction."""

        align_corners = False
        _forward = encode_decode = extract_feat = loss = predict = None

    logits, shapes = random_logits(6), [(10, 14), (3, 4), (11, 23)]
    expected = Plain().postprocess_result(logits, samples(shapes))
    predicted = Segmentation(4).predict(logits, samples(shapes))
    for ours, theirs, shape in zip(predicted, expected, shapes):
        assert isinstance(ours.pred_sem_seg, PixelData)
        assert ours.pred_sem_seg.data.shape == (1, *shape)
        assert torch.equal(ours.pred_sem_seg.data, theirs.pred_sem_seg.data)


def test_predict_goes_into_mmsegs_metric():
    from mmseg.evaluation import IoUMetric

    logits = pixels([[[[0.9, 0.1], [0.8, 0.2]], [[0.3, 0.7], [0.6, 0.4]]]])
    [sample] = Segmentation(2).predict(logits, samples([(2, 2)]))
    sample.gt_sem_seg = PixelData(data=torch.tensor([[[0, 1], [1, 255]]]))
    metric = IoUMetric()
    metric.dataset_meta = dict(classes=('a', 'b'))
    metric.process({}, [sample.to_dict()])
    # Predicted 0 0 / 1 0, true 0 1 / 1 void: both classes have 1 pixel of 2.
    assert metric.evaluate(1)['mIoU'] == 50.0


@pytest.mark.parametrize('value', [-0.1, 1.0, 2])
def test_impossible_confidence(value):
    with pytest.raises(ConfigError, match=rf'task.min_confidence={value} must lie in \[0, 1\)'):
        Segmentation(4, min_confidence=value)
