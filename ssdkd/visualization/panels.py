"""Label maps beside one another, in the colours of their classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ssdkd.visualization.files import save_picture

HEADER = 14  # pixels above the pictures, for their names
GAP = 4


def colourise(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Colours [H, W, 3] uint8 of a label map [H, W]; labels without a class are black."""
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    return colours[labels]


def save_panel(pictures: dict[str, np.ndarray], path: Path) -> None:
    """Write pictures [H, W, 3] uint8 of one size side by side, each under its name."""
    height, width = next(iter(pictures.values())).shape[:2]
    panel = Image.new('RGB', (len(pictures) * (width + GAP) - GAP, height + HEADER), 'white')
    draw = ImageDraw.Draw(panel)
    for i, (name, picture) in enumerate(pictures.items()):
        draw.text((i * (width + GAP) + 2, 1), name, fill='black')
        panel.paste(Image.fromarray(picture), (i * (width + GAP), HEADER))
    save_picture(panel, path)
