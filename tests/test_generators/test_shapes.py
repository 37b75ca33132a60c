"""The drawing of shapes, pixel by pixel in numpy, and what it is for."""

import math

import numpy as np
import torch

from ssdkd.generators import DCGANGenerator, ShapesGenerator
from ssdkd.generators.shapes import draw_shapes


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def colour(numbers):
    grey = sum(numbers) / math.sqrt(3)
    return np.array([sigmoid(1.2 * grey + 0.45 * n) for n in numbers])


def draw(shapes, background, height, width):
    """One image, a pixel at a time."""
    image = np.empty((3, height, width))
    for i in range(height):
        for j in range(width):
            pixel = colour(background)
            for k, (cx, cy, turn, a, b, form, *rgb) in enumerate(shapes):
                size = 1.28 + (0.23 - 1.28) * k / (len(shapes) - 1)
                x, y = -1 + 2 * j / (width - 1) - cx, -1 + 2 * i / (height - 1) - cy
                first, second = size * math.exp(a / 2), size * math.exp(b / 2)
                turn = math.pi * turn
                u = (x * math.cos(turn) + y * math.sin(turn)) / first
                v = (y * math.cos(turn) - x * math.sin(turn)) / second
                square = sigmoid(8 * form)
                d = square * max(abs(u), abs(v))
                d += (1 - square) * math.sqrt(u * u + v * v + 1e-6)
                inside = sigmoid(40 * (1 - d) * max(min(first, second), 0.1))
                shade = min(max(0.15 * (u * b + v * a), -0.3), 0.3)
                painted = np.clip(colour(rgb) + shade, 0, 1)
                pixel = pixel * (1 - inside) + inside * painted
            image[:, i, j] = pixel
    return image


def test_against_numpy():
    rng = np.random.default_rng(0)
    shapes, background = rng.standard_normal((2, 4, 9)), rng.standard_normal((2, 3))
    images = draw_shapes(torch.tensor(shapes), torch.tensor(background), (8, 12))

    expected = [draw(s.tolist(), b.tolist(), 8, 12) for s, b in zip(shapes, background)]
    np.testing.assert_allclose(images, np.stack(expected), atol=1e-6)


def test_later_shapes_cover_earlier_ones():
    shapes = torch.zeros(1, 2, 9)  # both in the middle
    shapes[0, 0, 6:], shapes[0, 1, 6:] = 3.0, -3.0
    image = draw_shapes(shapes, torch.zeros(1, 3), (32, 32))[0]

    assert image[:, 16, 16].max() < 0.1 < 0.9 < image[:, 16, 28].min()


def test_extreme_latents_are_drawn():
    shapes = 100 * torch.randn(4, 3, 9, generator=torch.Generator().manual_seed(0))
    images = draw_shapes(shapes.requires_grad_(), torch.zeros(4, 3), (16, 16))
    images.sum().backward()

    assert images.isfinite().all() and 0 <= images.min() and images.max() <= 1
    assert shapes.grad.isfinite().all()


def test_layouts_differ_from_the_first_step_on():
    """Of the variance of pixels, the share between samples at the same place."""
    shares = {}
    for generator in (ShapesGenerator, DCGANGenerator):
        torch.manual_seed(0)
        model = generator(latent_dim=64, width=8)
        grey = model(torch.randn(256, 64)).detach().mean(dim=1)
        coarse = torch.nn.functional.avg_pool2d(grey, 8)  # what is where, without texture
        shares[generator] = coarse.var(dim=0).mean()

    assert shares[ShapesGenerator] > 20 * shares[DCGANGenerator]
