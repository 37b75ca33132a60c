"""Numbers that no trained network has are found when it is built, and by name."""

import math

import pytest
import torch
from torch import nn

from ssdkd.apis import distill
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet, Network, Teacher, load_weights
from ssdkd.registry import MODELS

BROKEN = {
    'conv1.weight': (math.nan, "'conv1.weight' holds nan"),
    'linear.bias': (math.inf, "'linear.bias' holds inf"),
    'bn1.running_mean': (-math.inf, "'bn1.running_mean' holds -inf"),
    'layer2.0.bn1.running_var': (-0.5, "'layer2.0.bn1.running_var' holds -0.5"),
}


SETTINGS = dict(num_classes=10, image_size=16, mean=0.5, std=0.5)


def broken_network(key: str) -> CifarResNet:
    network = CifarResNet(8)
    network.state_dict()[key].view(-1)[3] = BROKEN[key][0]
    return network


@pytest.fixture(params=BROKEN)
def key(request):
    return request.param


def check(message: str, key: str) -> None:
    assert BROKEN[key][1] in message and '\n' not in message
    assert 'damaged' in message and 'diverged' in message
    assert 'lr' not in message and 'learning rate' not in message


def test_a_checkpoint(tmp_path, key):
    path = tmp_path / 'teacher.pth'
    torch.save(broken_network(key).state_dict(), path)
    with pytest.raises(ConfigError) as error:
        load_weights(CifarResNet(8), path)
    check(str(error.value), key)
    assert f"key 'checkpoint': '{path}'" in str(error.value)


@pytest.mark.parametrize('role', [Teacher, Network])
def test_a_module(role, key):
    with pytest.raises(ConfigError) as error:
        role(broken_network(key))
    check(str(error.value), key)


@pytest.mark.parametrize('role', ['teacher', 'student'])
def test_distill(tmp_path, role):
    networks = dict(teacher=CifarResNet(8), student=CifarResNet(8))
    networks[role] = broken_network('conv1.weight')
    with pytest.raises(ConfigError) as error:
        distill(**networks, **SETTINGS, work_dir=tmp_path / 'run')
    check(str(error.value), 'conv1.weight')
    assert str(error.value).startswith(f'{role}: ')


@pytest.mark.parametrize('argument', [dict(mean=math.nan), dict(std=[0.5, math.nan, 0.5])])
def test_normalisation_of_distill(tmp_path, argument):
    with pytest.raises(ConfigError, match=f'{next(iter(argument))}=.*nan'):
        distill(CifarResNet(8), CifarResNet(8), **SETTINGS | argument, work_dir=tmp_path)


class Lookalike(nn.Module):
    """Constants that are no weights may be infinite: masks are."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)
        self.register_buffer('mask', torch.full((2,), -math.inf))


def test_masks_are_no_statistics():
    Teacher(Lookalike())


@pytest.mark.parametrize('role', ['teacher', 'student'])
def test_logits_that_overflow(tiny, tmp_path, role):
    """Each weight is finite, but what the network makes of them is not."""
    network = CifarResNet(8)
    with torch.no_grad():
        network.linear.bias.fill_(3e38)
        network.linear.weight.fill_(3e38)
        network.bn1.bias.fill_(9.0)
    torch.save(network.state_dict(), tmp_path / 'overflow.pth')
    cfg = tiny({f'model.{role}.checkpoint': str(tmp_path / 'overflow.pth')})
    with pytest.raises(ConfigError) as error:
        MODELS.build(cfg.model)
    assert f'model.{role} gives logits that are not finite' in str(error.value)
    assert 'learning rate' not in str(error.value)
