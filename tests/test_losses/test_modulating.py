"""phi against numbers worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from ssdkd.buffers import FreshBuffer, ReplayBuffer
from ssdkd.errors import ConfigError
from ssdkd.losses import ModulatingFunction
from ssdkd.tasks import Classification, Segmentation
from ssdkd.writers import OldestWriter

# Teacher's probabilities of three samples: classes 0, 1, 1 with confidence .5, .8, .6.
P = [[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2]]


def logits():
    return torch.tensor(P).log()


def output():
    return Classification(num_classes=3).classify(logits())


def buffer_of(labels):
    buffer = ReplayBuffer(capacity=16)
    if labels:
        share = torch.nn.functional.one_hot(torch.tensor(labels), 3).float()
        n = len(labels)
        buffer.extend(
            dict(
                image=torch.rand(n, 3, 4, 4),
                class_share=share,
                confidence=torch.full((n,), 0.5),
            ),
            OldestWriter(),
        )
    return buffer


# Six samples of class 0, two of class 1, none of class 2: diversity .25, .75, .75.
CROWDED = [0, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    'gamma, diversity, difficulty, by_hand',
    [
        (1, True, True, [0.25 * 0.5, 0.75 * 0.2, 0.75 * 0.4]),
        (2, True, True, [0.25 * 0.25, 0.75 * 0.04, 0.75 * 0.16]),
        (0, True, True, [0.25, 0.75, 0.75]),
        (1, True, False, [0.25, 0.75, 0.75]),
        (1, False, True, [0.5, 0.2, 0.4]),
        (2, False, True, [0.25, 0.04, 0.16]),
        (2, False, False, [1.0, 1.0, 1.0]),
    ],
)
def test_by_hand(gamma, diversity, difficulty, by_hand):
    args = dict(gamma=gamma, diversity=diversity, difficulty=difficulty)
    phi = ModulatingFunction(**args, normalize=False)(output(), buffer_of(CROWDED))
    np.testing.assert_allclose(phi, by_hand, rtol=1e-6)
    phi = ModulatingFunction(**args)(output(), buffer_of(CROWDED))
    np.testing.assert_allclose(phi, np.array(by_hand) / np.mean(by_hand), rtol=1e-6)


def test_empty_buffer_has_diversity_one():
    phi = ModulatingFunction(normalize=False)(output(), buffer_of([]))
    np.testing.assert_allclose(phi, [0.5, 0.2, 0.4], rtol=1e-6)


def test_all_in_one_class():
    phi = ModulatingFunction(normalize=False)(output(), buffer_of([1] * 5))
    np.testing.assert_allclose(phi, [0.5, 0.0, 0.0], atol=1e-7)


def test_nothing_to_redistribute_gives_one():
    everything_crowded = SimpleNamespace(
        class_share=torch.tensor([[0.0, 1.0, 0.0]] * 2), confidence=torch.tensor([0.3, 0.9])
    )
    phi = ModulatingFunction()(everything_crowded, buffer_of([1] * 5))
    assert phi.tolist() == [1.0, 1.0]


def test_histograms_of_a_segmentation_buffer():
    # h = (.5, .5, 0) against counts (6, 2, 0) of 8: 1 - (.5 * .75 + .5 * .25) = .5
    sample = SimpleNamespace(
        class_share=torch.tensor([[0.5, 0.5, 0.0]]), confidence=torch.tensor([0.9])
    )
    phi = ModulatingFunction(normalize=False)(sample, buffer_of(CROWDED))
    np.testing.assert_allclose(phi, [0.5 * 0.1], rtol=1e-5)


@pytest.mark.parametrize('gamma', [0.5, 1.0, 2.0])
@pytest.mark.parametrize('normalize', [False, True])
def test_segmentation_batch_against_numpy(gamma, normalize):
    """From the teacher's maps to phi, over a buffer of histograms."""
    rng = np.random.default_rng(0)
    stored = rng.dirichlet([0.3] * 3, size=11).astype(np.float32)
    buffer = ReplayBuffer(capacity=16)
    buffer.extend(
        dict(
            image=torch.zeros(11, 3, 2, 2),
            class_share=torch.from_numpy(stored),
            confidence=torch.ones(11),
        ),
        OldestWriter(),
    )
    logits = torch.from_numpy(rng.normal(0, 2, size=(5, 3, 6, 4)))
    output = Segmentation(3).classify(logits)
    phi = ModulatingFunction(gamma, normalize=normalize)(output, buffer)

    p = softmax(logits.numpy(), 1)
    shares = [np.bincount(labels.ravel(), minlength=3) / 24 for labels in p.argmax(1)]
    diversity = 1 - np.array(shares) @ stored.sum(0) / 11
    expected = diversity * (1 - p.max(1).mean((1, 2))) ** gamma
    assert not np.isin(shares, [0, 1]).all(), 'the histograms must be fractional'
    np.testing.assert_allclose(
        phi, expected / expected.mean() if normalize else expected, rtol=1e-5
    )


def test_no_gradient_flows_through_phi():
    z = logits().requires_grad_()
    phi = ModulatingFunction()(Classification(3).classify(z), buffer_of(CROWDED))
    assert not phi.requires_grad and phi.grad_fn is None
    # In a product the gradient is that of the other factor alone.
    (phi * z.sum(1)).sum().backward()
    torch.testing.assert_close(z.grad, phi[:, None].expand(3, 3))


@pytest.mark.parametrize('diversity', [False, True])
@pytest.mark.parametrize('difficulty', [False, True])
def test_says_what_it_needs(diversity, difficulty):
    phi = ModulatingFunction(diversity=diversity, difficulty=difficulty)
    assert phi.active == (diversity or difficulty)
    assert phi.needs_counts == diversity
    if not diversity:  # a buffer without class counts will do
        buffer = FreshBuffer(capacity=4)
        buffer.extend(dict(image=torch.rand(4, 3, 2, 2)), None)
        assert phi(output(), buffer).shape == (3,)


def test_impossible_numbers():
    with pytest.raises(ConfigError, match='gamma=-1'):
        ModulatingFunction(gamma=-1)
    with pytest.raises(ConfigError, match='temperature=0 must be above 0'):
        ModulatingFunction(temperature=0)
