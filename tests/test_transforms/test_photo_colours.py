"""PhotoColours against a loop in numpy, and what it is for."""

import numpy as np
import torch

from ssdkd.transforms import PhotoColours


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def by_loop(images, draws):
    """One image at a time, in float64."""
    out = []
    for image, (saturation, light, contrast, *cast) in zip(images, draws):
        grey = image.mean(0)
        image = grey + saturation * (image - grey)
        image = (image - image.mean()) * min((0.12 + 0.19 * contrast) / (image.std() + 1e-3), 4)
        light = 0.27 + 0.4 * light + 0.1 * (2 * np.array(cast) - 1)
        out.append(np.clip(image + light[:, None, None], 0, 1))
    return np.stack(out)


def test_against_numpy():
    for channels in (1, 3, 5):
        images = torch.rand(6, channels, 8, 12) ** 3
        images[0] *= 0.05  # so flat that the limit of the factor counts
        draws = torch.rand(6, 3 + channels, generator=generator()).double().numpy()
        expected = by_loop(images.double().numpy(), draws)
        np.testing.assert_allclose(PhotoColours()(images, generator()), expected, atol=1e-5)


def test_loud_images_become_like_photographs():
    images = torch.zeros(2000, 3, 16, 16)
    images[:, 0, :8] = images[:, :2, 8:] = 1.0  # half red, half yellow
    changed = PhotoColours()(images, generator())
    light, contrast = changed.mean(dim=(1, 2, 3)), changed.std(dim=(1, 2, 3))
    chroma = (changed - changed.mean(dim=1, keepdim=True)).square().mean(dim=(1, 2, 3)).sqrt()
    assert 0.44 < light.mean() < 0.5 and 0.1 < light.std() < 0.13  # 500 photographs: 0.46, 0.12
    assert 0.19 < contrast.mean() < 0.24  # 0.21; of the images before, 0.5
    assert chroma.mean() < 0.2  # 0.47 before


def test_gradients_flow_and_one_colour_stays_finite():
    images = torch.full((2, 3, 8, 8), 0.5, requires_grad=True)
    changed = PhotoColours()(images, generator())
    changed.square().sum().backward()
    assert changed.isfinite().all() and images.grad.isfinite().all()
