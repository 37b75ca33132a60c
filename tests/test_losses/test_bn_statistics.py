"""The batch-norm loss against numpy and against torch's own autograd."""

import numpy as np
import pytest
import torch
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.losses import BNStatisticsLoss, InversionState

UNUSED = InversionState(None, None, None, None, None)  # the loss reads only its hooks


@pytest.fixture
def teacher():
    """Two batch norms, of maps and of vectors, with running statistics unlike any batch's."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 5),
        nn.BatchNorm1d(5),
    )
    for layer in (net[1], net[5]):
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2.0)
    return net.eval().requires_grad_(False)


def images(seed):
    return torch.randn(7, 3, 6, 6, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()  # which the loss does not record
def statistics(teacher, x):
    """Per layer (mean, variance) of the batch, in numpy and float64."""
    maps = teacher[0](x).double().numpy()
    vectors = teacher[:5](x).double().numpy()
    return [(maps.mean((0, 2, 3)), maps.var((0, 2, 3))), (vectors.mean(0), vectors.var(0))]


def distance(teacher, batch):
    total = 0.0
    for layer, (mean, variance) in zip((teacher[1], teacher[5]), batch):
        total += np.linalg.norm(mean - layer.running_mean.double().numpy())
        total += np.linalg.norm(variance - layer.running_var.double().numpy())
    return total


def test_raw_statistics_against_numpy(teacher):
    loss = BNStatisticsLoss()
    loss.attach(teacher)
    for seed in range(3):  # each batch stands for itself
        expected = distance(teacher, statistics(teacher, images(seed)))
        teacher(images(seed))
        assert loss(UNUSED).item() == pytest.approx(expected, rel=1e-5)
        loss.end_phase()


def test_momentum_over_three_phases_against_numpy(teacher):
    loss = BNStatisticsLoss(momentum=0.9)
    loss.attach(teacher)
    average = None
    for phase in range(3):
        for step in range(2):
            batch = statistics(teacher, images(10 * phase + step))
            mixed = (
                batch
                if average is None
                else [
                    tuple(0.9 * a + 0.1 * b for a, b in zip(*pair))
                    for pair in zip(average, batch)
                ]
            )
            teacher(images(10 * phase + step))
            value = loss(UNUSED).item()
            assert value == pytest.approx(distance(teacher, mixed), rel=1e-5)
        loss.end_phase()
        average = mixed  # of the phase's last batch only


@pytest.mark.parametrize('momentum', [0.0, 0.9])
def test_relative_distance_against_numpy(teacher, momentum):
    loss = BNStatisticsLoss(momentum=momentum, relative=True)
    loss.attach(teacher)
    teacher[1].eps = 0.25  # counts, as it does in the layer itself
    first = statistics(teacher, images(0))
    teacher(images(0))
    loss(UNUSED)
    loss.end_phase()
    teacher(images(1))
    value = loss(UNUSED).item()
    expected = 0.0
    for layer, before, now in zip(
        (teacher[1], teacher[5]), first, statistics(teacher, images(1))
    ):
        mean, variance = (momentum * a + (1 - momentum) * b for a, b in zip(before, now))
        scale = layer.running_var.double().numpy() + layer.eps
        running = layer.running_mean.double().numpy(), layer.running_var.double().numpy()
        expected += np.linalg.norm((mean - running[0]) / np.sqrt(scale))
        expected += np.linalg.norm((variance - running[1]) / scale)
    assert value == pytest.approx(expected, rel=1e-5)


def test_relative_distance_ignores_the_unit_of_a_layer():
    """A layer whose features are 1,000 times as large counts as much as before."""
    values = []
    for unit in (1.0, 1000.0):
        layer = nn.BatchNorm2d(3, eps=1e-12).eval()
        layer.running_mean.fill_(0.3 * unit)
        layer.running_var.fill_(2 * unit**2)
        loss = BNStatisticsLoss(relative=True)
        teacher = nn.Sequential(layer)
        loss.attach(teacher)
        teacher(unit * images(0))
        values.append(loss(UNUSED).item())
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_average_is_in_the_state_dict(teacher):
    loss, other = BNStatisticsLoss(momentum=0.9), BNStatisticsLoss(momentum=0.9)
    for each in (loss, other):
        each.attach(teacher)
    teacher(images(0))
    loss(UNUSED), other(UNUSED)
    loss.end_phase()
    other.load_state_dict(loss.state_dict())
    teacher(images(1))
    assert torch.equal(loss(UNUSED), other(UNUSED))


@pytest.mark.parametrize('momentum', [0.0, 0.9])
def test_gradient_against_autograd_in_float64(teacher, momentum):
    loss = BNStatisticsLoss(momentum=momentum)
    loss.attach(teacher)
    teacher(images(0))
    loss(UNUSED)
    loss.end_phase()
    x = images(1).requires_grad_()
    teacher(x)
    loss(UNUSED).backward()

    exact = teacher.double()
    previous = statistics(exact, images(0).double())
    y = images(1).double().requires_grad_()
    total = 0.0
    for layer, features, (mean, var) in zip(
        (exact[1], exact[5]), (exact[0](y), exact[:5](y)), previous
    ):
        dims = [d for d in range(features.ndim) if d != 1]
        batch_var, batch_mean = torch.var_mean(features, dims, correction=0)
        batch_mean = momentum * torch.from_numpy(mean) + (1 - momentum) * batch_mean
        batch_var = momentum * torch.from_numpy(var) + (1 - momentum) * batch_var
        total = total + (batch_mean - layer.running_mean).norm()
        total = total + (batch_var - layer.running_var).norm()
    total.backward()
    torch.testing.assert_close(x.grad.double(), y.grad, rtol=1e-4, atol=1e-6)


def test_statistics_far_from_zero_do_not_cancel():
    # E[x^2] - E[x]^2 in float32 loses the variance of channels whose mean is large.
    layer = nn.BatchNorm2d(2).eval()
    layer.running_mean.fill_(30.0)
    teacher, loss = nn.Sequential(layer), BNStatisticsLoss()
    loss.attach(teacher)
    x = 30 + 0.5 * torch.randn(64, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    teacher(x)
    exact = x.double().numpy()
    expected = np.linalg.norm(exact.mean((0, 2, 3)) - 30)
    expected += np.linalg.norm(exact.var((0, 2, 3)) - 1)
    assert loss(UNUSED).item() == pytest.approx(expected, rel=1e-3)


def test_bfloat16_inputs(teacher):
    loss = BNStatisticsLoss()
    loss.attach(teacher)
    x = images(0).requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        teacher(x)
    value = loss(UNUSED)
    value.backward()
    assert value.dtype == torch.float32
    expected = distance(teacher, statistics(teacher, images(0)))
    assert value.item() == pytest.approx(expected, rel=2e-2)
    reference = images(0).requires_grad_()
    teacher(reference)
    loss(UNUSED).backward()
    cosine = torch.cosine_similarity(x.grad.flatten(), reference.grad.flatten(), dim=0)
    assert cosine > 0.99


def test_only_passes_with_gradients_are_recorded(teacher):
    loss = BNStatisticsLoss()
    loss.attach(teacher)
    teacher(images(0))
    with torch.no_grad():
        teacher(images(1))
    expected = distance(teacher, statistics(teacher, images(0)))
    assert loss(UNUSED).item() == pytest.approx(expected, rel=1e-5)


def test_teacher_without_batch_norm():
    with pytest.raises(ConfigError, match='BNStatisticsLoss.*no batch-norm.*ssdkd_without_bn'):
        BNStatisticsLoss().attach(nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)))


@pytest.mark.parametrize('momentum', [-0.1, 1.0])
def test_impossible_momentum(momentum):
    with pytest.raises(ConfigError, match=f'momentum={momentum}'):
        BNStatisticsLoss(momentum=momentum)
