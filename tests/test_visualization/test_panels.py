"""Label maps in colour, and pictures side by side, pixel by pixel."""

import numpy as np
from PIL import Image

from ssdkd.visualization import colourise, save_panel
from ssdkd.visualization.panels import GAP, HEADER

PALETTE = [[10, 20, 30], [40, 50, 60], [255, 0, 128]]


def test_colourise():
    labels = np.array([[0, 1], [2, 255], [3, 0]])
    colours = colourise(labels, PALETTE)
    assert colours.dtype == np.uint8 and colours.shape == (3, 2, 3)
    assert colours.tolist() == [
        [PALETTE[0], PALETTE[1]],
        [PALETTE[2], [0, 0, 0]],  # void
        [[0, 0, 0], PALETTE[0]],  # a label without a class
    ]


def test_save_panel(tmp_path):
    rng = np.random.default_rng(0)
    pictures = {name: rng.integers(0, 256, (20, 50, 3)).astype(np.uint8) for name in 'abc'}
    path = tmp_path / 'a folder/0.png'
    save_panel(pictures, path)
    panel = np.asarray(Image.open(path))
    assert panel.shape == (20 + HEADER, 3 * 50 + 2 * GAP, 3)
    for i, picture in enumerate(pictures.values()):
        left = i * (50 + GAP)
        np.testing.assert_array_equal(panel[HEADER:, left : left + 50], picture)
        assert (panel[:HEADER, left : left + 50] < 128).any(), 'its name stands above'
        assert (panel[:, left + 50 : left + 50 + GAP] == 255).all()
