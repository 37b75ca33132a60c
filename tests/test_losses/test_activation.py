"""The activation term: which features it reads, and their magnitude against numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.losses import ActivationLoss, InversionState
from ssdkd.models import Teacher
from ssdkd.registry import MODELS

UNUSED = InversionState(None, None, None, None, None)  # the loss reads only its hooks
NETWORKS = [
    dict(type='CifarResNet', depth=8),
    dict(type='ResNet', depth=18),
    dict(type='VGG'),
    dict(type='WideResNet', depth=10, widen_factor=1),
]


class Segmentor(nn.Module):
    """A head of one 1x1 convolution, an auxiliary one that runs after it, and one unused."""

    def __init__(self, auxiliary: bool = False):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 6, 1))
        self.classifier = nn.Conv2d(6, 5, 1)
        self.auxiliary = nn.Conv2d(4, 5, 1) if auxiliary else None
        self.unused = nn.Conv2d(6, 5, 1)

    def forward(self, x):
        maps = self.backbone(x)
        logits = self.classifier(maps)
        if self.auxiliary is not None:
            self.auxiliary(self.backbone[0](x))
        return logits


def images(n=4):
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def teacher_of(network) -> Teacher:
    torch.manual_seed(0)
    return Teacher(network, mean=[0.5], std=[0.2])


def attached(teacher, **kwargs) -> ActivationLoss:
    loss = ActivationLoss(**kwargs)
    loss.attach(teacher)
    return loss


@pytest.mark.parametrize('cfg', NETWORKS, ids=lambda cfg: cfg['type'])
def test_features_before_the_linear_layer(cfg):
    """Recovered from the logits: solve W h + b = z for h in the row space of W."""
    network = MODELS.build(dict(cfg, num_classes=600))  # more than features: h is unique
    teacher = teacher_of(network)
    loss = attached(teacher)
    logits = teacher(images().requires_grad_()).detach().double().numpy()
    head = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
    weight, bias = (p.detach().double().numpy() for p in head.parameters())
    features = np.linalg.lstsq(weight, (logits - bias).T, rcond=None)[0].T
    value = loss(UNUSED)
    assert value.shape == (4,)
    np.testing.assert_allclose(value.detach(), -abs(features).mean(1), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('auxiliary', [False, True])
def test_features_before_the_convolution_of_a_segmentor(auxiliary):
    network = Segmentor(auxiliary)
    teacher = teacher_of(network)
    loss = attached(teacher, layer='classifier' if auxiliary else None)
    teacher(images().requires_grad_())
    with torch.no_grad():  # which the loss does not record
        maps = network.backbone((images() - 0.5) / 0.2).double().numpy()
    np.testing.assert_allclose(loss(UNUSED).detach(), -abs(maps).mean((1, 2, 3)), rtol=1e-5)


def test_gradient_is_minus_the_sign_of_the_features():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    teacher = teacher_of(network)
    loss = attached(teacher)
    x = (torch.rand(4, 3, 2, 2) - 0.2).requires_grad_()
    teacher(x * 0.2 + 0.5)  # the network sees x
    loss(UNUSED).sum().backward()
    torch.testing.assert_close(x.grad, -x.detach().sign() / 12)


def test_passes_without_gradient_are_not_recorded():
    teacher = teacher_of(Segmentor())
    loss = attached(teacher)
    teacher(images(4).requires_grad_())
    with torch.no_grad():
        teacher(images(7))
    assert loss(UNUSED).shape == (4,)
    assert not loss._inputs._calls  # and nothing is held


def test_bfloat16():
    teacher = teacher_of(Segmentor())
    loss = attached(teacher)
    with torch.autocast('cpu', torch.bfloat16):
        teacher(images().requires_grad_())
    assert loss(UNUSED).dtype == torch.float32


def test_unknown_layer():
    with pytest.raises(ConfigError, match="layer='head'"):
        attached(teacher_of(Segmentor()), layer='head')


def test_teacher_without_a_classifier():
    with pytest.raises(ConfigError, match='ActivationLoss finds no linear layer'):
        attached(teacher_of(nn.Sequential(nn.Conv2d(3, 4, 3))))
