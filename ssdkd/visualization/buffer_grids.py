"""Samples of a buffer in labelled rows: by class, by priority, by age, and look-alikes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from ssdkd.buffers.stored import StoredSamples
from ssdkd.visualization.files import as_rgb, save_picture

SMALLEST, LARGEST = 64, 128  # pixels per side as drawn
GAP, HEADER, FONT = 2, 24, 17
COMPARED = 32  # images are compared at this size


@dataclass(frozen=True)
class Row:
    """Samples under one label.

    Attributes:
        label: What they have in common.
        indices: [n] int64.
    """

    label: str
    indices: Tensor


def rows_by_class(
    samples: StoredSamples, columns: int, names: list[str] | None = None, limit: int = 50
) -> list[Row]:
    """A row for each class that the teacher sees, the newest samples first.

    Of more than ``limit`` classes, those with the most samples, in the order of the classes.
    """
    newest = samples.columns['birth'].argsort(descending=True, stable=True)
    counts = samples.labels.bincount(minlength=len(samples.class_counts))
    largest = counts.argsort(descending=True, stable=True)[:limit]
    rows = []
    for k in largest.sort().values.tolist():
        indices = newest[samples.labels[newest] == k]
        name = f'class {k}' + (f' ({names[k]})' if names else '')
        rows.append(Row(f'{name}: {len(indices)} samples', indices[:columns]))
    return rows


def rows_by_priority(samples: StoredSamples, columns: int, groups: int = 8) -> list[Row]:
    """Groups of equal size, the highest priorities (what the student misses most) first."""
    priority = samples.columns['priority']
    return _groups(priority, columns, groups, 'priority {:.3g} to {:.3g}')


def rows_by_age(samples: StoredSamples, columns: int, groups: int = 8) -> list[Row]:
    """Groups of equal size, the latest rounds first."""
    return _groups(samples.columns['birth'], columns, groups, 'rounds {:.0f} to {:.0f}')


def rows_of_look_alikes(
    samples: StoredSamples, distances: Tensor, neighbours: Tensor, queries: Tensor, count: int
) -> list[Row]:
    """Samples with the nearest neighbours, nearest first; each pair once.

    Args:
        samples: The samples.
        distances: [q, k] of :func:`nearest_neighbours`.
        neighbours: [q, k], the same.
        queries: [q], the samples that were asked for.
        count: Rows at most.
    """
    rows, seen = [], set()
    for i in distances[:, 0].argsort(stable=True).tolist():
        pair = frozenset((int(queries[i]), int(neighbours[i, 0])))
        if pair in seen:
            continue
        seen.add(pair)
        levels = ', '.join(f'{d:.0f}' for d in distances[i].tolist())
        rows.append(
            Row(
                f'sample {int(queries[i])}: {levels} grey levels apart',
                torch.cat([queries[i : i + 1], neighbours[i]]),
            )
        )
        if len(rows) == count:
            break
    return rows


@torch.no_grad()
def nearest_neighbours(
    images: Tensor, queries: Tensor, k: int, track: Callable[[list], Iterable] = list
) -> tuple[Tensor, Tensor]:
    """The samples most like each of some samples.

    Images are averaged down to at most 32 pixels per side. The distance is the root mean square
    of the differences of their values, in grey levels of 0 to 255: 0 is a copy.

    Args:
        images: uint8 [n, C, H, W].
        queries: [q] int64, indices into them.
        k: Neighbours of each, at most n - 1.
        track: Shows progress while it iterates over the list that it is given.

    Returns:
        tuple: Distances [q, k] in rising order, and indices [q, k].
    """
    k = min(k, len(images) - 1)
    size = [min(side, COMPARED) for side in images.shape[-2:]]
    points = torch.cat(
        [F.adaptive_avg_pool2d(part.float(), size).flatten(1) for part in images.split(1024)]
    )
    distances, indices = [], []
    for part in track(list(queries.split(256))):
        found = torch.cdist(points[part], points)
        found[torch.arange(len(part)), part] = torch.inf  # not itself
        near = found.topk(k, largest=False).indices
        # Again, as cdist is inexact where distances are small.
        exact = (points[part][:, None] - points[near]).pow(2).mean(dim=2).sqrt()
        order = exact.argsort(dim=1)
        distances.append(exact.gather(1, order))
        indices.append(near.gather(1, order))
    return torch.cat(distances), torch.cat(indices)


def draw_rows(
    samples: StoredSamples, rows: list[Row], columns: int, largest: int = LARGEST
) -> Image.Image:
    """A picture of the rows, the label of each above it.

    Args:
        samples: The samples.
        rows: At least one.
        columns: Samples of a row at most.
        largest: Larger images are shrunk to this; small ones are enlarged, unsmoothed.
    """
    height, width = samples.columns['image'].shape[-2:]
    scale = max(1, SMALLEST // max(height, width))
    if max(height, width) > largest:
        scale = largest / max(height, width)
    cell = (round(width * scale), round(height * scale))
    smooth = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    columns = min(columns, max(1, *(len(row.indices) for row in rows)))
    # A row without samples is its label alone.
    heights = [HEADER + (cell[1] + 2 * GAP) * bool(len(row.indices)) for row in rows]
    picture = Image.new('RGB', (columns * (cell[0] + GAP), sum(heights)), 'white')
    draw, top = ImageDraw.Draw(picture), 0
    for row, height in zip(rows, heights):
        draw.text((2, top + 2), row.label, fill='black', font_size=FONT)
        for j, index in enumerate(row.indices[:columns].tolist()):
            pixels = as_rgb(samples.columns['image'][index]).permute(1, 2, 0)
            pixels = pixels.contiguous().numpy()
            image = Image.fromarray(pixels).resize(cell, smooth)
            picture.paste(image, (j * (cell[0] + GAP), top + HEADER))
        top += height
    return picture


def save_rows(samples: StoredSamples, rows: list[Row], path: str | Path, columns: int) -> None:
    """Write :func:`draw_rows` as a PNG."""
    save_picture(draw_rows(samples, rows, columns), path)


def _groups(values: Tensor, columns: int, groups: int, form: str) -> list[Row]:
    order = values.argsort(descending=True, stable=True)
    rows = []
    for part in order.tensor_split(min(groups, len(order))):
        low, high = values[part].min().item(), values[part].max().item()
        # Evenly over the group, so that its range is seen.
        chosen = np.linspace(0, len(part) - 1, min(columns, len(part))).round().astype(int)
        rows.append(Row(form.format(low, high) + f': {len(part)} samples', part[chosen]))
    return rows
