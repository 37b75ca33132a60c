"""The forms in which users have labelled images, read as batches ``(images, labels)``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssdkd.datasets.files import to_channels
from ssdkd.errors import ConfigError
from ssdkd.user_code import describe_error

BATCH = 100  # samples of a data set that become one batch
# Usual keys of dicts, those of mmengine first.
IMAGES = ('inputs', 'image', 'images', 'img', 'imgs', 'pixel_values', 'x', 'data', 'input')
LABELS = (
    'data_samples',
    'label',
    'labels',
    'target',
    'targets',
    'gt',
    'gt_label',
    'gt_labels',
    'class',
    'class_id',
    'fine_label',
    'y',
)
# Of segmentation, where one of these goes before those above.
MASKS = (
    'mask',
    'masks',
    'annotation',
    'segmentation_mask',
    'semantic_mask',
    'gt_seg_map',
    'gt_semantic_seg',
)


def batches(source: Any, task: str, channels: int = 3) -> Iterator[tuple[Any, Any]]:
    """Read a source of labelled images as batches.

    Args:
        source: A loader or list of batches, a data set of samples, or one batch. A batch or
            sample is ``(images, labels)`` or a dict with usual keys; docs/val_sets.md has all
            forms.
        task (str): As in :func:`ssdkd.apis.distill`.
        channels (int): Of the images. Pictures get as many by
            :func:`ssdkd.datasets.files.to_channels`. Defaults to 3.

    Yields:
        tuple: images and labels of a batch, as they were given or put together.

    Raises:
        ConfigError: It has another form, or fails while it is read.
    """
    waiting: list[tuple[Tensor, Any]] = []
    for item in _items(source, task):
        images, labels = _pair(item, task)
        if not _is_sample(images, labels, channels):
            yield images, labels
            continue
        waiting.append((_image(images, channels), _label(labels)))
        if len(waiting) == BATCH:
            yield _together(waiting)
            waiting = []
    if waiting:
        yield _together(waiting)


def is_whole(source: Any, task: str) -> bool:
    """Whether a source is one batch: a pair of arrays, or a dict with them."""
    if isinstance(source, Mapping) and set(IMAGES) & set(source):
        source = _pair(source, task)
    if not isinstance(source, tuple | list) or len(source) != 2:
        return False
    return all(isinstance(part, Tensor | np.ndarray) for part in source) and source[0].ndim == 4


def _items(source: Any, task: str) -> Iterator[Any]:
    """The batches or samples of a source, with its errors in one line."""
    try:
        if is_whole(source, task):
            images, labels = _pair(source, task)
            for start in range(0, len(images), BATCH):
                yield images[start : start + BATCH], labels[start : start + BATCH]
        elif isinstance(source, Iterable):
            yield from source
        else:  # a data set of torch
            yield from (source[i] for i in range(len(source)))
    except ConfigError:
        raise
    except Exception as error:  # whatever the code of a data set raises
        raise ConfigError(f'val_loader fails with {describe_error(error)}') from error


def _pair(item: Any, task: str) -> tuple[Any, Any]:
    """Images and labels of a batch or sample."""
    if isinstance(item, Mapping):
        names = MASKS if task == 'segmentation' and set(MASKS) & set(item) else LABELS
        found = [[key for key in known if key in item] for known in (IMAGES, names)]
        if [len(keys) for keys in found] != [1, 1]:
            raise ConfigError(
                f'val_loader gives dicts with the keys {", ".join(map(repr, item))}, of which '
                f'{_said(found[0])} can be the images and {_said(found[1])} the labels; give '
                '(images, labels), or dict(image=, label=)'
            )
        return item[found[0][0]], item[found[1][0]]
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    raise ConfigError(
        f'val_loader gives a {type(item).__name__}; it must give (images, labels), or dicts '
        'such as dict(image=, label=)'
    )


def _said(keys: list[str]) -> str:
    return ' or '.join(map(repr, keys)) or 'none'


def _is_sample(image: Any, label: Any, channels: int) -> bool:
    """Whether this is one image: without a dimension for the batch, as its label.

    The label of one image is a number, a mask, or the labels [K] of one dimension. The last
    would also be those of grey images [N, H, W] with N = K, or of vectors [N, D]. Then it is
    one image if its first or last dimension has the channels that the teacher takes, or one.
    """
    if isinstance(image, Image.Image):
        return True
    if not isinstance(image, Tensor | np.ndarray) or image.ndim not in (2, 3):
        return False
    if isinstance(label, Image.Image) or len(np.shape(label)) != 1:
        return True
    has_channels = image.ndim == 3 and {1, channels} & {image.shape[0], image.shape[2]}
    return bool(has_channels) or len(label) != len(image)


def _image(image: Any, channels: int) -> Tensor:
    """One image as [C, H, W]."""
    if isinstance(image, Image.Image):
        try:
            image = np.array(to_channels(image, channels))
        except ValueError as error:
            raise ConfigError(
                f"val_loader gives a picture of mode '{image.mode}' ({error}); give one of 8 "
                'or 16 bits, or an array of floats in [0, 1]'
            ) from error
    image = torch.as_tensor(image)
    return channels_first(image[None], channels)[0] if image.ndim == 3 else image[None]


def channels_first(images: Tensor, channels: int) -> Tensor:
    """[N, H, W, C] as [N, C, H, W] where only the last dimension can be that of channels."""
    last = images.shape[3] == channels != images.shape[1]
    return images.movedim(3, 1) if last else images


def _label(label: Any) -> Tensor:
    label = np.array(label) if isinstance(label, Image.Image) else label
    try:
        return torch.as_tensor(label)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f'val_loader gives a {type(label).__name__} as the label of an image; give an '
            'integer, or an array'
        ) from error


def _together(samples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    parts = []
    for what, tensors in zip(('images', 'labels'), zip(*samples, strict=True), strict=True):
        shapes = list(dict.fromkeys(tuple(t.shape) for t in tensors))
        if len(shapes) > 1:
            raise ConfigError(
                f'val_loader gives {what} of shapes {list(shapes[0])} and {list(shapes[1])}; '
                'make them equal, such as by Resize and CenterCrop in the transform of its '
                'data set'
            )
        parts.append(torch.stack(tensors))
    return parts[0], parts[1]
