"""Scores of several labels, against values by hand."""

import numpy as np
import pytest
import torch

from ssdkd.errors import ConfigError
from ssdkd.evaluation import MultiLabelScores


def scores(*batches):
    metric = MultiLabelScores()
    for logits, labels in batches:
        metric.process(dict(data_samples=labels), [dict(logits=logits)])
    return metric.evaluate(len(metric.results))


def average_precision(logits, labels):
    """Mean over the positives of the precision among all that rank as high."""
    return np.mean([labels[logits >= z].mean() for z in logits[labels == 1]])


def test_against_a_computation_by_hand():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(12, 4)).astype(np.float32), rng.integers(0, 2, (12, 4))
    labels[:, 2] = 0  # a label that no image has
    logits[3, 1] = np.nan
    batches = [
        (torch.from_numpy(logits[part]), torch.from_numpy(labels[part]))
        for part in (slice(0, 5), slice(5, 12))
    ]
    found = scores(*batches)
    logits = np.nan_to_num(logits, nan=-1e9)
    seen = [0, 1, 3]
    expected = np.mean([average_precision(logits[:, k], labels[:, k]) for k in seen])
    assert found['mAP'] == pytest.approx(100 * expected)
    hits = ((logits > 0) & (labels == 1)).sum(0)
    f1 = 2 * hits / ((logits > 0).sum(0) + labels.sum(0)).clip(1)
    assert found['f1'] == pytest.approx(100 * f1[seen].mean())


def test_perfect_and_without_labels():
    logits = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert scores((logits, (logits > 0).float())) == dict(mAP=100.0, f1=100.0)
    with pytest.warns(UserWarning, match='no image has a label'):
        assert np.isnan(scores((logits, torch.zeros(2, 2)))['mAP'])


def test_labels_of_another_form():
    with pytest.raises(ConfigError, match=r'labels of a batch have shape \[2\]'):
        scores((torch.zeros(2, 3), torch.tensor([0, 1])))
