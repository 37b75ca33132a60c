"""Atomic writing of figures and pictures."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from ssdkd.atomic import write_whole


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format that the suffix names; without one it is PNG."""
    file = io.BytesIO()
    figure.savefig(file, format=Path(path).suffix[1:] or 'png', dpi=150)
    write_whole(path, file.getvalue())


def save_picture(picture: Image.Image, path: str | Path) -> None:
    """Write a picture as PNG."""
    file = io.BytesIO()
    picture.save(file, 'png')
    write_whole(path, file.getvalue())
