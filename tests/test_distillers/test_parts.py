"""What makes the images, for teachers of other channels than 3."""

import pytest
import torch

from ssdkd.distillers.parts import build_synthesizer, with_channels
from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator
from ssdkd.registry import GENERATORS, SYNTHESIZERS
from ssdkd.synthesizers import BaseSynthesizer


class Own(BaseGenerator):
    """Without an argument for the channels."""

    made = 3

    def __init__(self, latent_dim=4, image_size=(8, 8), num_classes=None):
        super().__init__(latent_dim, image_size, num_classes, channels=self.made)
        self.linear = torch.nn.Linear(self.input_dim, self.made * 64)

    def forward(self, z, labels=None):
        return self.linear(self.condition(z, labels)).sigmoid().unflatten(1, (self.made, 8, 8))


class Grey(Own):
    made = 1


class Noise(BaseSynthesizer):
    image_size, samples = (8, 8), 4

    def synthesize(self, context):
        return dict(image=torch.rand(4, 3, 8, 8)), {}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for registry, kind in ((GENERATORS, Own), (GENERATORS, Grey), (SYNTHESIZERS, Noise)):
        monkeypatch.setitem(registry._module_dict, kind.__name__, kind)


def with_generator(name: str) -> dict:
    losses = dict(prior=dict(type='ClassPriorLoss'))
    return dict(
        type='GeneratorSynthesizer', generator=dict(type=name), losses=losses, batch_size=4,
        steps=1, latent_lr=0.1,
    )  # fmt: skip


@pytest.mark.parametrize(
    'cfg, owner',
    [
        (with_generator('Own'), 'model.synthesizer.generator: Own'),
        (dict(type='Noise'), 'model.synthesizer: Noise'),
    ],
)
def test_images_of_other_channels_than_the_teachers(cfg, owner):
    assert build_synthesizer(cfg, 3).channels == 3
    with pytest.raises(ConfigError) as caught:
        build_synthesizer(cfg, 1)
    assert str(caught.value) == (
        f'{owner} makes images of 3 channels, but the teacher takes 1; give its constructor an '
        'argument channels, or take another one'
    )


def test_one_that_makes_them_anyway_needs_no_argument():
    assert build_synthesizer(with_generator('Grey'), 1).channels == 1


def test_ours_are_told():
    told = with_channels(with_generator('DCGANGenerator'), 5)
    assert told['generator'] == dict(type='DCGANGenerator', channels=5)
    assert with_channels(dict(generator=dict(image_size=32)), 5)['generator']['channels'] == 5
    own = dict(generator=dict(type='DCGANGenerator', channels=2))
    assert with_channels(own, 5) == own
