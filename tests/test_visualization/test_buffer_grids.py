import numpy as np
import pytest
import torch
from fake_run import make_buffer, save_checkpoint

from ssdkd.buffers import read_samples
from ssdkd.visualization.buffer_grids import (
    Row,
    draw_rows,
    nearest_neighbours,
    rows_by_age,
    rows_by_class,
    rows_by_priority,
    rows_of_look_alikes,
)


@pytest.fixture
def samples(tmp_path):
    buffer = make_buffer([3, 0, 21])
    rng = torch.Generator().manual_seed(0)
    buffer.columns['priority'][:24] = torch.rand(24, generator=rng)
    buffer.columns['birth'][:24] = torch.arange(24) // 2
    return read_samples(save_checkpoint(tmp_path / 'round_1.pth', buffer))


def test_rows_say_what_is_in_them(samples):
    rows = rows_by_class(samples, 5, ['cat', 'dog', 'cow'])
    assert [row.label for row in rows] == [
        'class 0 (cat): 3 samples', 'class 1 (dog): 0 samples', 'class 2 (cow): 21 samples'
    ]  # fmt: skip
    assert rows[0].indices.tolist() == [2, 0, 1], 'the newest first'
    assert len(rows[1].indices) == 0 and len(rows[2].indices) == 5
    assert [row.label for row in rows_by_class(samples, 5, limit=2)] == [
        'class 0: 3 samples', 'class 2: 21 samples'
    ]  # fmt: skip


def test_groups_hold_every_sample_once_in_order(samples):
    priority = samples.columns['priority']
    rows = rows_by_priority(samples, columns=24, groups=4)
    everything = torch.cat([row.indices for row in rows])
    assert sorted(everything.tolist()) == list(range(24))
    assert (priority[everything].diff() <= 0).all()
    low, high = priority[rows[0].indices].min(), priority[rows[0].indices].max()
    assert rows[0].label == f'priority {low:.3g} to {high:.3g}: 6 samples'
    few = rows_by_priority(samples, columns=2, groups=4)[0].indices
    assert few.tolist() == [rows[0].indices[0], rows[0].indices[-1]], 'the ends of the range'
    assert rows_by_age(samples, 3, groups=2)[0].label == 'rounds 7 to 12: 12 samples'


def test_neighbours_are_those_of_brute_force(samples):
    images = samples.columns['image'].clone()
    images[20] = images[7]
    queries = torch.tensor([7, 0, 20])
    distances, neighbours = nearest_neighbours(images, queries, 3)
    points = images.double().flatten(1).numpy()
    for i, q in enumerate(queries.tolist()):
        rms = np.sqrt(((points - points[q]) ** 2).mean(axis=1))
        rms[q] = np.inf
        # By their distances: of two equal ones either may come first.
        np.testing.assert_allclose(rms[neighbours[i]], np.sort(rms)[:3], rtol=1e-4)
        np.testing.assert_allclose(distances[i], np.sort(rms)[:3], rtol=1e-4)
    assert distances[0, 0] == 0 and neighbours[0, 0] == 20
    rows = rows_of_look_alikes(samples, distances, neighbours, queries, 10)
    assert len(rows) == 2, 'a pair is shown once'
    assert rows[0].indices[:2].tolist() == [7, 20]


def test_large_images_are_compared_by_their_means():
    images = torch.zeros(3, 3, 64, 128, dtype=torch.uint8)
    images[1], images[2] = 10, 40
    distances, neighbours = nearest_neighbours(images, torch.tensor([0]), 5)
    assert distances.tolist() == [[10, 40]] and neighbours.tolist() == [[1, 2]]


def test_draws_the_pixels(samples):
    rows = [Row('some', torch.tensor([4, 5])), Row('none', torch.tensor([], dtype=torch.long))]
    picture = np.asarray(draw_rows(samples, rows, columns=5))
    expected = samples.columns['image'][4].permute(1, 2, 0).numpy().repeat(8, 0).repeat(8, 1)
    assert np.array_equal(picture[24:88, :64], expected), '8 pixels, each enlarged to 8'
    assert picture.shape[1] == 2 * 66 and picture.shape[0] == 24 + 68 + 24
    small = draw_rows(samples, rows, 5, largest=4)
    assert small.width == 2 * 6
