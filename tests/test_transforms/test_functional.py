"""Batch-wise augmentation against a loop over images."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import ssdkd  # noqa: F401
from ssdkd.errors import ConfigError
from ssdkd.transforms.functional import (
    random_crop_flip,
    random_light,
    random_resized_crop_flip,
    random_roll,
    to_unit_range,
)


def by_loop(images, padding, flip, rng):
    n, _, height, width = images.shape
    top, left = torch.randint(0, 2 * padding + 1, (2, n, 1), generator=rng)
    mirrored = torch.randint(0, 2, (n, 1), generator=rng) if flip else torch.zeros(n, 1)
    out = []
    for i, image in enumerate(images):
        t, c = int(top[i]), int(left[i])
        crop = F.pad(image, (padding,) * 4)[:, t : t + height, c : c + width]
        out.append(crop.flip(-1) if mirrored[i] else crop)
    return torch.stack(out)


@pytest.mark.parametrize('padding, flip', [(0, True), (1, False), (4, True)])
@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32, torch.float16])
def test_equals_a_loop_over_images(padding, flip, dtype):
    images = (torch.rand(16, 3, 8, 12) * 255).to(dtype)
    ours = random_crop_flip(images, padding, flip, torch.Generator().manual_seed(3))
    loop = by_loop(images, padding, flip, torch.Generator().manual_seed(3))
    assert ours.dtype == dtype and ours.is_contiguous()
    assert torch.equal(ours, loop)


def test_offsets_and_mirrors_are_uniform():
    images = torch.zeros(20_000, 1, 3, 3)
    images[:, :, 1, 1] = 1
    torch.manual_seed(0)
    where = random_crop_flip(images, 1, False).mean(0)
    assert (where - 1 / 9).abs().max() < 0.01
    images[:, :, 1] = torch.tensor([1.0, 0.0, 0.0])
    mirrored = random_crop_flip(images, 0, True)[:, 0, 1, 2].mean()
    assert abs(mirrored - 0.5) < 0.02


def test_same_generator_state_same_result():
    images = torch.rand(8, 3, 8, 8)
    first, second = (
        random_crop_flip(images, 2, True, torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(first, second)


def test_nothing_to_do_returns_the_images():
    images = torch.rand(2, 3, 4, 4)
    assert random_crop_flip(images, 0, False) is images


def test_gradients_pass():
    images = torch.rand(4, 3, 8, 8, requires_grad=True)
    random_crop_flip(images, 2, True).sum().backward()
    assert images.grad.sum() > 0


def test_unit_range():
    assert to_unit_range(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == [
        0,
        pytest.approx(0.2),
        1,
    ]
    images = torch.rand(2)
    assert to_unit_range(images) is images


def test_light_is_contrast_and_then_brightness():
    images = torch.rand(5, 3, 4, 6)
    ours = random_light(images, 0.6, torch.Generator().manual_seed(1)).numpy()
    draws = torch.rand(2, 5, generator=torch.Generator().manual_seed(1)).numpy()
    for image, one, contrast, brightness in zip(images.numpy(), ours, *(0.4 + 1.2 * draws)):
        expected = ((image - image.mean()) * contrast + image.mean()) * brightness
        np.testing.assert_allclose(one, expected.clip(0, 1), atol=1e-6)


def test_no_light():
    images = torch.rand(2, 3, 4, 4)
    assert random_light(images, 0.0) is images


def test_roll_is_that_of_torch_with_uniform_offsets():
    images, seen = torch.rand(2, 3, 5, 7), []
    for seed in range(500):
        rolled = random_roll(images, 1, torch.Generator().manual_seed(seed))
        seen += [
            (down, across)
            for down in (-1, 0, 1)
            for across in (-1, 0, 1)
            if torch.equal(rolled, torch.roll(images, (down, across), (2, 3)))
        ]
    assert len(seen) == 500
    counts = [seen.count((down, across)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    assert min(counts) > 30 and max(counts) < 85  # 56 expected
    assert random_roll(images, 0) is images


def test_boxes_of_the_resized_crop():
    """Of two ramps: their slopes give a box's sides, their values its place."""
    n, size = 4000, 32
    ramp = (torch.arange(size) + 0.5) / size
    images = torch.stack([ramp.expand(size, size), ramp[:, None].expand(size, size)])
    images = images.expand(n, -1, -1, -1)
    seen = random_resized_crop_flip(images, (0.25, 1.0), torch.Generator().manual_seed(0))
    assert seen.shape == images.shape
    middle = seen[:, :, size // 2 - 1 : size // 2 + 1, size // 2 - 1 : size // 2 + 1]
    across = (middle[:, 0, 0, 1] - middle[:, 0, 0, 0]) * size
    height = (middle[:, 1, 1, 0] - middle[:, 1, 0, 0]) * size
    x, y = middle[:, 0].mean((1, 2)), middle[:, 1].mean((1, 2))  # the boxes' centres
    mirrored, width = across < 0, across.abs()
    assert 0.45 < mirrored.float().mean() < 0.55
    for centre, side in ((x, width), (y, height)):
        assert (centre - side / 2).min() > -1e-4 and (centre + side / 2).max() < 1 + 1e-4
        free = side < 0.95
        place = (centre - side / 2)[free] / (1 - side[free])
        assert abs(place.mean() - 0.5) < 0.02 and abs(place.std() - 12**-0.5) < 0.02
    # Where both sides fit whatever the ratio, area and ratio are what was drawn.
    area, ratio = width * height, width / height
    assert area.min() > 0.25 - 1e-3 and area.max() <= 1 + 1e-3
    fits = area < 0.74
    assert abs(area[fits].mean() - (0.25 + 0.74) / 2) < 0.01
    logarithm = ratio[fits].log() / np.log(4 / 3)
    assert logarithm.abs().max() < 1.01
    assert abs(logarithm.mean()) < 0.05 and abs(logarithm.std() - 3**-0.5) < 0.02


def test_the_resized_crop_is_that_of_torch():
    """The same boxes, in the coordinates of ``affine_grid``, sampled by ``grid_sample``."""
    images = torch.rand(16, 3, 12, 20, dtype=torch.float64)
    seen = random_resized_crop_flip(images, (0.25, 1.0), torch.Generator().manual_seed(3))
    draws = torch.rand(5, 16, generator=torch.Generator().manual_seed(3))
    area, ratio = 0.25 + 0.75 * draws[0], (4 / 3) ** (2 * draws[1] - 1)
    wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    theta = torch.zeros(16, 2, 3)
    theta[:, 0, 0] = torch.where(draws[4] < 0.5, -wide, wide)
    theta[:, 0, 2], theta[:, 1, 2] = (
        (1 - wide) * (2 * draws[2] - 1),
        (1 - high) * (2 * draws[3] - 1),
    )
    theta[:, 1, 1] = high
    grid = F.affine_grid(theta.double(), [16, 3, 12, 20], align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode='border', align_corners=False)
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-4)
    assert len(set(draws[4].lt(0.5).tolist())) == 2


def test_resized_crop_lets_gradients_pass():
    images = torch.rand(4, 3, 8, 8, requires_grad=True)
    random_resized_crop_flip(images, (1.0, 1.0)).sum().backward()
    assert images.grad.abs().sum() > 100


def test_images_of_a_dataloader_without_default_collate():
    with pytest.raises(ConfigError) as error:
        to_unit_range([torch.zeros(3, 2, 2)])
    assert str(error.value) == (
        'a dataloader gives its images as a list; set its '
        "collate_fn=dict(type='default_collate')"
    )
