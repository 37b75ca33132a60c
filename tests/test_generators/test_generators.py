"""What every generator promises: shapes, range, gradients, labels and readable errors."""

import inspect

import numpy as np
import pytest
import torch

import ssdkd  # noqa: F401
from ssdkd.errors import ConfigError
from ssdkd.generators import (
    BaseGenerator,
    DCGANGenerator,
    DeepGenerator,
    ShapesGenerator,
    build_generator,
)
from ssdkd.registry import GENERATORS, MODELS

SIZES = {
    DCGANGenerator: [8, 32, (12, 20), 30],
    DeepGenerator: [64, 96, (64, 160), (128, 160), (112, 70)],
    ShapesGenerator: [8, 32, (12, 20), (9, 30)],
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
        (DCGANGenerator, 3, "key 'image_size' is 3, and 3 is not from 8 on; use 8"),
        (ShapesGenerator, (32, 7), r'is \(32, 7\), and 7 is not from 8 on; use 8'),
        (DeepGenerator, 32, '32 is not from 64 to 512; use 64'),
        (DeepGenerator, (360, 1024), 'and 1024 is not from 64 to 512; use 512'),
        (DeepGenerator, 99.5, 'give an integer or'),
    ],
)
def test_impossible_sizes(generator, size, message):
    with pytest.raises(ConfigError, match=message):
        generator(image_size=size)


MADE = [(30, 32), (112, 128), (200, 224), (299, 320), (65, 96), (512, 512), ((33, 8), (36, 8))]


@pytest.mark.parametrize('size, made', MADE)
def test_other_sizes_are_the_centre_of_the_next_size_up(size, made, log):
    kind = dict(type='DCGANGenerator') if np.max(made) < 64 else dict(type='DeepGenerator')
    models = []
    for image_size in (size, made):
        torch.manual_seed(0)
        models.append(GENERATORS.build(kind | dict(image_size=image_size, width=1)).eval())
    z = torch.randn(1, models[0].latent_dim)
    with torch.no_grad():
        small, large = (model(z) for model in models)
    height, width = np.broadcast_to(size, 2)
    top, left = (large.shape[2] - height) // 2, (large.shape[3] - width) // 2
    assert torch.equal(small, large[:, :, top : top + height, left : left + width])
    assert any('of which the centre is kept' in line for line in log()) == (size != made)


@pytest.mark.parametrize('generator', SIZES)
@pytest.mark.parametrize('channels', [1, 2, 5])
def test_channels(generator, channels):
    model = generator(latent_dim=6, image_size=64, width=4, channels=channels)
    assert (
        model(torch.randn(2, 6)).shape == (2, channels, 64, 64) and model.channels == channels
    )


@pytest.mark.parametrize('generator', [DCGANGenerator, ShapesGenerator])
def test_a_generator_for_small_images_at_a_large_size(generator, log):
    generator(image_size=64, width=1), generator(image_size=(48, 96), width=1)
    assert log() == []
    generator(image_size=224, width=1)
    (line,) = log()
    assert line.startswith(f'{generator.__name__} is for images of up to 64 pixels')
    assert "use type='DeepGenerator'" in line


@pytest.mark.parametrize(
    'size, kind',
    [(None, DCGANGenerator), (30, DCGANGenerator), ((64, 200), DeepGenerator)],
)
def test_without_a_type_the_size_decides(size, kind, log):
    cfg = dict(width=1) if size is None else dict(width=1, image_size=size)
    assert type(build_generator(cfg)) is kind
    assert log()[0].startswith(f'generator: no type is named; {kind.__name__} is for')


def test_a_config_without_a_type(tiny, log):
    generator = dict(_delete_=True, image_size=18, width=4)
    distiller = MODELS.build(tiny({'model.synthesizer.generator': generator}).model)
    assert type(distiller.synthesizer.generator) is DCGANGenerator
    assert (
        'DCGANGenerator makes images of 20x20 pixels, of which the centre is kept: 18x18'
        in (log())
    )
