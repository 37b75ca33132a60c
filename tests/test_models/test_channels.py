"""How many channels the images of a network have."""

import pytest
import torch
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.models import Network, Teacher, channels_of, image_channels, student_config


class Grey(nn.Conv2d):
    """A network that makes grey images of RGB first."""

    def __init__(self):
        super().__init__(1, 4, 3)

    def forward(self, x):
        return super().forward(0.3 * x[:, :1] + 0.6 * x[:, 1:2] + 0.1 * x[:, 2:])


class HeadFirst(nn.Module):
    """A network whose first convolution, by name, is its last."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(8, 10, 1)
        self.stem = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.head(self.stem(x))


FOUND = {
    'rgb': (lambda: nn.Conv2d(3, 4, 3), 3),
    'grey': (lambda: nn.Conv2d(1, 4, 3), 1),
    'two': (lambda: nn.Conv2d(2, 4, 3), 2),
    'multispectral': (lambda: nn.Sequential(nn.Dropout(), nn.Conv2d(13, 4, 3)), 13),
    'grouped': (lambda: nn.Conv2d(6, 6, 3, groups=6), 6),
    'pixels rearranged': (lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 4, 3)), 3),
    'grey inside': (Grey, 3),
    'head first': (HeadFirst, 3),
    'linear': (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 4)), 3),
    'lazy': (lambda: nn.LazyConv2d(4, 3), 3),
}


@pytest.mark.parametrize('case', FOUND)
def test_found_from_the_first_convolution(case):
    build, channels = FOUND[case]
    model = build()
    before = torch.get_rng_state()
    assert image_channels(model) == channels
    assert torch.equal(before, torch.get_rng_state()) and model.training
    assert Network(model).channels == channels


@pytest.mark.parametrize('name', ['resnet10t', 'vit_tiny_patch16_224', 'efficientnet_lite0'])
def test_networks_of_timm(name):
    timm = pytest.importorskip('timm')
    assert [image_channels(timm.create_model(name, in_chans=c)) for c in (1, 3, 5)] == [1, 3, 5]


def test_what_is_stated_goes_first():
    grey = nn.Conv2d(1, 4, 3)
    assert Network(grey, channels=4).channels == 4
    assert Network(grey, mean=[0.1, 0.2], std=0.5).channels == 2
    assert Network(grey, mean=0.5, std=[0.1] * 5).channels == 5
    assert Teacher(nn.Conv2d(5, 4, 3), mean=0.5).channels == 5
    assert channels_of(nn.Sequential(nn.ReLU(), Teacher(grey))) == 1
    assert channels_of(nn.ReLU()) == 3


@pytest.mark.parametrize(
    'arguments', [dict(mean=[0.1, 0.2], std=[0.1] * 3), dict(mean=[0.1, 0.2], channels=1)]
)
def test_numbers_that_do_not_fit(arguments):
    with pytest.raises(ConfigError, match='but the images have . channels; give one'):
        Network(nn.Conv2d(1, 4, 3), **arguments)


def test_a_network_of_two_channels_by_hand():
    network = Network(nn.Identity(), mean=[0.5, 0.25], std=[0.5, 0.25])
    images = torch.tensor([1.0, 0.5]).reshape(1, 2, 1, 1).expand(1, 2, 2, 3)
    assert network(images)[0, :, 0, 0].tolist() == [1.0, 1.0]


def test_the_student_has_the_channels_of_the_teacher():
    assert student_config(dict(model={}), dict(channels=4))['channels'] == 4
    assert student_config(dict(model={}, channels=2), dict(channels=4))['channels'] == 2
    assert 'channels' not in student_config(dict(model={}), dict())
