"""A batch transform that breaks a rule is told which."""

import pytest
import torch

from ssdkd.testing import ContractError, check_batch_transform
from ssdkd.transforms import BaseBatchTransform


class Mixup(BaseBatchTransform):
    """Passes."""

    def __call__(self, images, rng=None):
        share = torch.rand(len(images), 1, 1, 1, generator=rng, device=images.device)
        return share * images + (1 - share) * images.roll(1, 0)


class NoTransform:
    def __call__(self, images, rng=None):
        return images


class NeedsRng(Mixup):
    def __call__(self, images, rng):
        return super().__call__(images, rng)


class Crops(Mixup):
    def __call__(self, images, rng=None):
        return super().__call__(images, rng)[..., 1:]


class OutOfRange(Mixup):
    def __call__(self, images, rng=None):
        return super().__call__(images, rng) + 0.1


class InPlace(Mixup):
    def __call__(self, images, rng=None):
        return images.mul_(0.5) if not images.requires_grad else images * 0.5


class OwnRandomness(Mixup):
    def __call__(self, images, rng=None):
        return super().__call__(images)


class Detached(Mixup):
    def __call__(self, images, rng=None):
        return super().__call__(images.detach(), rng)


class Dead(Mixup):
    def __call__(self, images, rng=None):
        return (images > 0.5).float() + 0 * images


BROKEN = {
    NoTransform: 'be a BaseBatchTransform',
    NeedsRng: 'work without rng',
    Crops: r'return images as a float32 tensor \[1, 3, 8, 6\]',
    OutOfRange: r'return images in \[0, 1\]; got',
    InPlace: 'leave the images that it is given as they are',
    OwnRandomness: 'draw with rng alone',
    Detached: 'let gradients flow',
    Dead: 'give the images a finite gradient that is not zero',
}


def test_a_plain_one_passes():
    check_batch_transform(Mixup)


@pytest.mark.parametrize('component', BROKEN)
def test_broken_batch_transform(component):
    with pytest.raises(ContractError, match=f'^{component.__name__} must {BROKEN[component]}'):
        check_batch_transform(component)
