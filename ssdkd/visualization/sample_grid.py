"""A picture of the samples in a buffer."""

import io
from pathlib import Path

import torch
from torchvision.utils import make_grid, save_image

from ssdkd.atomic import write_whole
from ssdkd.buffers import BaseBuffer
from ssdkd.visualization.files import as_rgb


def save_sample_grid(
    buffer: BaseBuffer, path: Path, columns: int = 10, max_classes: int = 20
) -> None:
    """Write a PNG with the newest samples of each class in a row; black where there are none.

    Channels are shown as :func:`as_rgb` says.

    The samples of a buffer that knows no classes (``needs_facts``) fill one row.

    Args:
        buffer: A buffer with at least one sample.
        path: File to write; its folder is made.
        columns: Samples of a class.
        max_classes: Rows at most. Of more classes, those with the most samples are shown, in
            the order of the classes.
    """
    filled = {k: v[: len(buffer)] for k, v in buffer.columns.items()}
    newest_first = filled['birth'].cpu().argsort(descending=True, stable=True)
    label, classes = torch.zeros_like(newest_first), 1
    if buffer.needs_facts:
        share = filled['class_share']
        label, classes = share.argmax(dim=1).cpu(), share.shape[1]
    rows = []
    counts = torch.bincount(label, minlength=classes)
    shown = counts.argsort(descending=True, stable=True)[:max_classes].sort().values
    for k in shown.tolist():
        slots = newest_first[label[newest_first] == k][:columns]
        images = filled['image'][slots.to(filled['image'].device)].float().cpu() / 255
        missing = torch.zeros(columns - len(images), *filled['image'].shape[1:])
        rows.append(torch.cat([images, missing]))
    grid = make_grid(as_rgb(torch.cat(rows)), nrow=columns, padding=1)
    # Small images are enlarged without smoothing, so that every pixel can be seen.
    scale = max(1, 64 // filled['image'].shape[-1])
    file = io.BytesIO()
    save_image(grid.repeat_interleave(scale, 1).repeat_interleave(scale, 2), file, 'png')
    write_whole(path, file.getvalue())
