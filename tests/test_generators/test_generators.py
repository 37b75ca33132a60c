"""What every generator promises: shapes, range, gradients, labels and readable errors."""

import inspect

import pytest
import torch

import ssdkd  # noqa: F401
from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator, DCGANGenerator, DeepGenerator, ShapesGenerator
from ssdkd.registry import GENERATORS

SIZES = {
    DCGANGenerator: [8, 32, (12, 20)],
    DeepGenerator: [64, 96, (64, 160), (128, 160)],
    ShapesGenerator: [8, 32, (12, 20)],
}
CASES = [(generator, size) for generator, sizes in SIZES.items() for size in sizes]


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def test_every_registered_generator_is_tested():
    GENERATORS.import_from_location()
    ours = [c for c in GENERATORS.module_dict.values() if c.__module__.startswith('ssdkd.')]
    assert set(ours) == set(SIZES)
    for generator in ours:
        assert issubclass(generator, BaseGenerator)
        assert inspect.getdoc(generator).splitlines()[0].endswith('.')


@pytest.mark.parametrize('generator, size', CASES)
@pytest.mark.parametrize('num_classes', [None, 3])
def test_images_and_gradients(generator, size, num_classes):
    model = generator(latent_dim=6, image_size=size, width=4, num_classes=num_classes)
    height, width = (size, size) if isinstance(size, int) else size
    assert model.image_size == (height, width)
    assert (model.latent_dim, model.num_classes) == (6, num_classes)
    z = torch.randn(4, 6, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 0])
    images = model(z, labels)
    assert images.shape == (4, 3, height, width)
    assert 0 <= images.min() < images.max() <= 1
    (images * torch.rand_like(images)).sum().backward()
    assert (z.grad.abs().sum(dim=1) > 0).all()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize('generator', SIZES)
def test_same_latents_same_images(generator):
    model = generator(latent_dim=6, image_size=64, width=4).eval()
    z = torch.randn(2, 6)
    assert torch.equal(model(z), model(z))
    assert torch.equal(model(z), model(z, torch.tensor([0, 1])))


@pytest.mark.parametrize('generator', SIZES)
def test_labels_matter_when_conditional(generator):
    model = generator(latent_dim=6, image_size=64, width=4, num_classes=3).eval()
    z = torch.randn(1, 6).expand(3, 6)
    first, second, again = model(z, torch.tensor([0, 1, 0]))
    assert not torch.allclose(first, second)
    torch.testing.assert_close(first, again)
    with pytest.raises(ConfigError, match="key 'num_classes' is 3, so it needs labels"):
        model(z)


@pytest.mark.parametrize('generator', SIZES)
def test_built_from_a_config(generator):
    config = dict(type=generator.__name__, latent_dim=5, image_size=[64, 96], width=4)
    assert GENERATORS.build(config)(torch.randn(2, 5)).shape == (2, 3, 64, 96)


@pytest.mark.parametrize('size, side', [(224, 7), (128, 4), (96, 6), (64, 4), (512, 16)])
def test_first_map_of_the_deep_generator(size, side):
    assert DeepGenerator(2, size, width=2).start == (16, side, side)


def test_shape_of_the_dcgan_generator_is_that_of_the_field():
    parameters = sum(p.numel() for p in DCGANGenerator(256, 32).parameters())
    linear = 256 * 128 * 8 * 8 + 128 * 8 * 8
    convolutions = 128 * 128 * 9 + 128 * 64 * 9 + 64 * 3 * 9 + 3
    assert parameters == linear + convolutions + 2 * (128 + 128 + 64)


@pytest.mark.parametrize(
    'generator, size, message',
    [
        (DCGANGenerator, 30, "key 'image_size' is 30, .* multiple of 4 from 8; use 28 or 32"),
        (DCGANGenerator, 3, 'use 8'),
        (DCGANGenerator, (32, 33), r'is \(32, 33\), and 33 is not .* use 32 or 36'),
        (DeepGenerator, 100, 'multiple of 32 from 64 to 512; use 96 or 128'),
        (DeepGenerator, 32, 'use 64'),
        (DeepGenerator, 1024, 'use 512'),
        (DeepGenerator, (360, 480), 'and 360 is not .* use 352 or 384'),
    ],
)
def test_impossible_sizes(generator, size, message):
    with pytest.raises(ConfigError, match=message):
        generator(image_size=size)
