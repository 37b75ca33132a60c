"""Transforms of a config: order, randomness, errors, and a user's own."""

import pytest
import torch
from helpers import build_distiller, unregistered

from ssdkd.errors import ConfigError
from ssdkd.registry import BATCH_TRANSFORMS
from ssdkd.runs import changed_settings
from ssdkd.synthesizers import GeneratorSynthesizer
from ssdkd.transforms import Augmentation, BaseBatchTransform
from ssdkd.transforms.functional import random_crop_flip, random_light

CROP = dict(type='RandomCropFlip', padding=2, flip=True)
LIGHT = dict(type='RandomLight', strength=0.5)
IMAGE = dict(type='DCGANGenerator', width=4, latent_dim=5, image_size=8)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_transforms_in_their_order_with_one_source_of_randomness():
    images = torch.rand(8, 3, 16, 16)
    rng = generator()
    expected = random_light(random_crop_flip(images, 2, True, rng), 0.5, rng)
    assert torch.equal(Augmentation('model', [CROP, LIGHT])(images, generator()), expected)
    other = Augmentation('model', [LIGHT, CROP])(images, generator())
    assert not torch.equal(other, expected)
    assert Augmentation('model', [])(images) is images


@pytest.mark.parametrize(
    'augment, message',
    [
        (CROP, r'model\.augment=.* must be a list'),
        ([dict(type='RandomCorpFlip')], r'model\.augment\.0: .*RandomCropFlip'),
        ([CROP, dict(LIGHT, strength=2)], r'model\.augment\.1: RandomLight: strength=2'),
    ],
)
def test_errors_name_the_key(tiny, augment, message):
    cfg = tiny()
    cfg.model.augment = augment
    with pytest.raises(ConfigError, match=message):
        build_distiller(cfg)


def test_a_transform_from_outside_is_seen_by_both_networks(tiny):
    """Mixup, in a few lines: what a plugin registers, the config can name."""
    seen = {}
    with unregistered():

        @BATCH_TRANSFORMS.register_module()
        class Mixup(BaseBatchTransform):
            """Mixes each image with the one before it."""

            def __call__(self, images, rng=None):
                share = torch.rand(len(images), 1, 1, 1, generator=rng, device=images.device)
                return seen.setdefault('x', share * images + (1 - share) * images.roll(1, 0))

        cfg = tiny({'model.autocast': None})
        cfg.model.augment = [dict(type='Mixup')]
        distiller = build_distiller(cfg)
    distiller.store(dict(image=torch.rand(16, 3, 16, 16, generator=generator())))
    networks = dict(teacher=distiller.teacher.answering, student=distiller.student)
    for name, network in networks.items():
        network.register_forward_pre_hook(
            lambda module, inputs, name=name: seen.update({name: inputs[0]})
        )
    optimizer = torch.optim.SGD(distiller.student.parameters(), lr=0.1)

    class Wrapper:
        def update_params(self, loss):
            loss.backward()
            optimizer.step()

    distiller.train_step(None, dict(student=Wrapper()))
    assert torch.equal(seen['teacher'], seen['x'])
    assert torch.equal(seen['student'], seen['x'])


class TestOldKeys:
    """``crop_padding``, ``flip`` and ``light``, of configs from before ``augment``."""

    @staticmethod
    def augment(**keys) -> list:
        built = GeneratorSynthesizer(IMAGE, {}, 4, 1, **keys)
        return [(type(t).__name__, vars(t)) for t in built.augmentation.transforms]

    def test_they_become_transforms(self):
        assert self.augment(crop_padding=2, flip=True, light=0.5) == [
            ('RandomCropFlip', dict(padding=2, flip=True)),
            ('RandomLight', dict(strength=0.5)),
        ]
        assert self.augment(crop_padding=0, flip=False, light=0) == []

    def test_they_change_a_list_that_is_there(self):
        """As where a config from before has one of today's as its base."""
        assert self.augment(augment=[LIGHT, CROP], flip=False) == [
            ('RandomLight', dict(strength=0.5)),
            ('RandomCropFlip', dict(padding=2, flip=False)),
        ]
        assert self.augment(augment=[CROP], light=0.1)[1] == (
            'RandomLight',
            dict(strength=0.1),
        )
        assert self.augment(augment=[CROP, LIGHT], crop_padding=0, flip=False) == [
            ('RandomLight', dict(strength=0.5))
        ]

    def test_defaults_of_the_component_stay(self):
        from ssdkd.synthesizers import ContrastiveSynthesizer

        built = ContrastiveSynthesizer(IMAGE, {}, 4, crop_padding=1)
        (crop,) = built.augmentation.transforms
        assert (crop.padding, crop.flip) == (1, True)

    def test_a_resumed_run_may_name_either(self):
        stored = dict(crop_padding=2, flip=False, synthesizer=dict(steps=1, flip=True))
        crop, flip = dict(CROP, flip=False), dict(type='RandomCropFlip', flip=True)
        asked = dict(augment=[crop], synthesizer=dict(steps=1, augment=[flip]))
        assert changed_settings(dict(model=stored), dict(model=asked), 0) == ({}, {})
        crop['padding'] = 3
        changes, refused = changed_settings(dict(model=stored), dict(model=asked), 0)
        assert changes == {'model.augment.0.padding': '2 -> 3'} and not refused
