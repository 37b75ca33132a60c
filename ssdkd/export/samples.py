"""Write the samples of a buffer as image files that any trainer reads."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssdkd.atomic import whole_folder
from ssdkd.buffers import StoredSamples
from ssdkd.errors import ConfigError
from ssdkd.models import Network, device_of

MANIFEST = 'manifest.json'
# What the manifest says of each sample, where the buffer has it.
COLUMNS = ('confidence', 'priority', 'weight', 'birth', 'uses')

Progress = Callable[[list], Iterable]


def write_image_folder(
    samples: StoredSamples,
    labels: Tensor,
    num_classes: int,
    out: Path,
    facts: dict,
    track: Progress,
) -> list[int]:
    """Write ``<class>/<index>.png``, the layout of torchvision's ``ImageFolder``.

    Images that are neither grey nor RGB are arrays ``<index>.npy``, [H, W, C] of uint8.

    The folders are the class numbers with leading zeros, so that their alphabetical order is
    the order of the teacher's outputs. A class without samples has an empty folder, for the
    others to keep their numbers.

    Args:
        samples: The samples; pixels are written without loss.
        labels: [n] int64, their classes.
        num_classes: K.
        out: Folder, absent or empty.
        facts: What else the manifest is to say.
        track: Shows progress while it iterates over the list that it is given.

    Returns:
        list[int]: The classes without samples.
    """
    _check_empty(out)
    width, places = len(str(len(samples) - 1)), len(str(num_classes - 1))
    suffix = _suffix(samples)
    files = [f'{k:0{places}d}/{i:0{width}d}{suffix}' for i, k in enumerate(labels.tolist())]
    with whole_folder(out) as folder:
        for k in range(num_classes):
            (folder / f'{k:0{places}d}').mkdir()
        for i in track(list(range(len(samples)))):
            _save(samples, i, folder / files[i])
        rows = [dict(file=file, label=int(k)) for file, k in zip(files, labels)]
        _write_manifest(folder, samples, rows, facts)
    counts = torch.bincount(labels, minlength=num_classes)
    return [k for k, n in enumerate(counts.tolist()) if not n]


def write_segmentation_folder(
    samples: StoredSamples,
    label_maps: Iterable[Tensor],
    palette: list,
    out: Path,
    facts: dict,
    track: Progress,
) -> None:
    """Write ``img_dir/train/<index>.png`` and ``ann_dir/train/<index>.png``, as mmseg wants it.

    Args:
        samples: The samples; pixels are written without loss.
        label_maps: [H, W] for each of them, class numbers, at most 256 classes.
        palette: Colours of the classes, for viewers; the pixels are the class numbers.
        out: Folder, absent or empty.
        facts: What else the manifest is to say.
        track: See :func:`write_image_folder`.
    """
    _check_empty(out)
    width = len(str(len(samples) - 1))
    flat = np.asarray(palette, np.uint8).flatten().tolist()
    rows, maps = [], iter(label_maps)
    with whole_folder(out) as folder:
        for part in ('img_dir', 'ann_dir'):
            (folder / part / 'train').mkdir(parents=True)
        for i in track(list(range(len(samples)))):
            name = f'train/{i:0{width}d}.png'
            image = str(Path(name).with_suffix(_suffix(samples)))
            _save(samples, i, folder / 'img_dir' / image)
            annotation = Image.fromarray(next(maps).numpy().astype(np.uint8))
            annotation.putpalette(flat)
            annotation.save(folder / 'ann_dir' / name)
            rows.append(dict(file=f'img_dir/{image}', annotation=f'ann_dir/{name}'))
        _write_manifest(folder, samples, rows, facts)


def write_labelled_images(
    samples: StoredSamples, labels: Tensor, out: Path, facts: dict, track: Progress
) -> None:
    """Write ``images/<index>.png``, and ``labels.json`` with the labels of each.

    ``LabelledImages`` reads both.

    Args:
        samples: The samples; pixels are written without loss.
        labels: [n, L] bool.
        out: Folder, absent or empty.
        facts: What else the manifest is to say.
        track: See :func:`write_image_folder`.
    """
    _check_empty(out)
    width = len(str(len(samples) - 1))
    names = [f'{i:0{width}d}{_suffix(samples)}' for i in range(len(samples))]
    listed = [row.nonzero()[:, 0].tolist() for row in labels]
    with whole_folder(out) as folder:
        (folder / 'images').mkdir()
        for i in track(list(range(len(samples)))):
            _save(samples, i, folder / 'images' / names[i])
        table = ',\n '.join(f'{json.dumps(n)}: {k}' for n, k in zip(names, listed))
        (folder / 'labels.json').write_text(f'{{{table}}}\n')
        rows = [dict(file=f'images/{n}', labels=k) for n, k in zip(names, listed)]
        _write_manifest(folder, samples, rows, facts)


@torch.no_grad()
def teacher_labels(
    teacher: Network,
    images: Tensor,
    read: Callable[[Tensor], Tensor],
    batch_size: int = 32,
) -> Iterable[Tensor]:
    """The teacher's predictions of images, one after another.

    Args:
        teacher: The teacher.
        images: uint8 [n, C, H, W].
        read: Logits of a batch to predictions.
        batch_size: Images per pass.
    """
    device = device_of(teacher)
    for batch in images.split(batch_size):
        yield from read(teacher(batch.to(device).float() / 255)).cpu()


def distinct_colours(n: int) -> list[list[int]]:
    """A palette for classes without one: the bits of the class number over the channels."""
    colours = np.zeros((n, 3), int)
    for k in range(n):
        for bit in range(8):
            colours[k, bit % 3] |= ((k >> bit) & 1) << (7 - bit // 3)
    return colours.tolist()


def _check_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out: '{out}' is there already; choose another folder")


def _suffix(samples: StoredSamples) -> str:
    """Of image files: PNG is for grey and RGB, arrays [H, W, C] for other channels."""
    return '.png' if samples.columns['image'].shape[1] in (1, 3) else '.npy'


def _save(samples: StoredSamples, index: int, path: Path) -> None:
    image = samples.columns['image'][index].permute(1, 2, 0).contiguous().numpy()
    if path.suffix == '.npy':
        np.save(path, image)
        return
    image = image[:, :, 0] if image.shape[2] == 1 else image
    # Little compression: synthetic images hardly shrink, and it takes most of the time.
    Image.fromarray(image).save(path, compress_level=1)


def _write_manifest(out: Path, samples: StoredSamples, rows: list, facts: dict) -> None:
    columns = {n: samples.columns[n].tolist() for n in COLUMNS if n in samples.columns}
    lines = []
    for i, row in enumerate(rows):
        values = {
            n: round(v[i], 6) if isinstance(v[i], float) else v[i] for n, v in columns.items()
        }
        lines.append(json.dumps(row | values))
    head = json.dumps(facts, indent=1)[:-2]
    text = f'{head},\n "samples": [\n  ' + ',\n  '.join(lines) + '\n ]\n}\n'
    (out / MANIFEST).write_text(text)
