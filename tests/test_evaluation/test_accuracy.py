"""Accuracy against scikit-learn, and for the logits of a broken network."""

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from sklearn.metrics import accuracy_score, top_k_accuracy_score

import ssdkd  # noqa: F401
from ssdkd.errors import ConfigError
from ssdkd.evaluation import Accuracy
from ssdkd.registry import METRICS


def measure(batches, **kwargs) -> dict[str, float]:
    metric = METRICS.build(dict(type='Accuracy', **kwargs))
    for logits, labels in batches:
        metric.process(dict(inputs=None, data_samples=labels), [dict(logits=logits)])
    return metric.evaluate(sum(len(labels) for _, labels in batches))


@pytest.fixture
def batches():
    rng = torch.Generator().manual_seed(0)
    sizes = (32, 32, 7)
    return [
        (torch.randn(n, 10, generator=rng), torch.randint(0, 10, (n,), generator=rng))
        for n in sizes
    ]


def test_against_scikit_learn(batches):
    logits = torch.cat([b[0] for b in batches]).numpy()
    labels = torch.cat([b[1] for b in batches]).numpy()
    result = measure(batches, topk=(1, 5))
    assert set(result) == {'accuracy', 'top5'}
    assert result['accuracy'] == pytest.approx(100 * accuracy_score(labels, logits.argmax(1)))
    top5 = top_k_accuracy_score(labels, logits, k=5, labels=np.arange(10))
    assert result['top5'] == pytest.approx(100 * top5)


def test_key_order_and_prefix(batches):
    assert set(measure(batches)) == {'accuracy'}
    assert set(measure(batches, topk=(3,), prefix='student')) == {'student/top3'}


def test_padding_of_a_distributed_run_is_cut_off(batches):
    metric = Accuracy()
    logits, labels = batches[0]
    logits = torch.eye(10)[labels]
    logits[-1] = logits[-1].roll(1)
    metric.process(dict(data_samples=labels), [dict(logits=logits)])
    assert len(metric.results) == 32
    assert metric.evaluate(size=31) == dict(accuracy=100.0)


def test_a_collapsed_network_gets_no_credit():
    labels = torch.arange(10)
    assert measure([(torch.zeros(10, 10), labels)])['accuracy'] <= 10
    assert measure([(torch.full((10, 10), torch.nan), labels)])['accuracy'] == 0


def test_fewer_classes_than_k():
    assert measure([(torch.eye(3), torch.arange(3))], topk=(1, 5)) == dict(
        accuracy=100.0, top5=100.0
    )


def test_works_in_mmengines_evaluator(batches):
    evaluator = Evaluator([Accuracy()])
    for logits, labels in batches:
        evaluator.process([dict(logits=logits)], dict(inputs=logits, data_samples=labels))
    assert evaluator.evaluate(71) == measure(batches)


@pytest.mark.parametrize('topk', [5, (), (0, 1)])
def test_impossible_topk(topk):
    with pytest.raises(ConfigError, match="key 'topk' is"):
        Accuracy(topk)
