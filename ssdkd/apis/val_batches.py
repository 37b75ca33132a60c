"""A val set that is given as an object, in the form that mmengine's loop reads."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor
from torch.utils.data import Dataset

from ssdkd.apis.val_forms import batches, channels_first, is_whole
from ssdkd.datasets.class_names import check_classes
from ssdkd.datasets.occurrences import Occurrences
from ssdkd.errors import ConfigError
from ssdkd.mmseg import labelled_batch

VOID = 255  # pixels without a class
READ_AT_START = 1000  # images that are read before training, where a loader states more


class ValBatches:
    """The batches of ``val_loader`` as dicts, each of them checked.

    Of several processes each reads a loader of its own, with all batches or with a part of
    them. Their results are put together, so that every batch counts as often as it is read.

    Args:
        loader: A source of :func:`ssdkd.apis.val_forms.batches`, the same each time it is
            read. Images [N, C, H, W] are uint8 or float in [0, 1]; labels are integers, [N] or
            [N, 1], for segmentation [N, H, W] or [N, 1, H, W] with 255 for void, or the numbers
            0 and 1 of any type, [N, L] of several labels and [N] or [N, 1] of a binary task. Of
            mmseg's own batches, which are lists, only the label maps are checked.
        task (str): ``'classification'``, ``'binary'``, ``'multilabel'`` or ``'segmentation'``.
        num_classes (int): Number of classes.
        channels (int): C of the images. Defaults to 3.

    Raises:
        ConfigError: A batch is none of these, or the loader's data set states another number of
            classes. Of a loader of more than 1,000 images, those up to the thousandth are read
            here.
    """

    class _Images:
        """Stand-in for mmengine's dataset: the number of images, and class names."""

        def __init__(self, num_classes: int, classes: Sequence[str] | None):
            indices = [str(k) for k in range(num_classes)]
            self.metainfo = dict(classes=tuple(classes or indices))
            self.count = 0
            self.first: Tensor | None = None  # image

        def __len__(self) -> int:
            return self.count

        def __getitem__(self, index: int) -> dict:
            """The first image: the others have been looked at already."""
            return dict(inputs=self.first)

    def __init__(self, loader: Any, task: str, num_classes: int, channels: int = 3):
        _check_source(loader, task)
        self.loader = loader
        self.task = task
        self.segments = task == 'segmentation'
        self.num_classes = num_classes
        self.channels = channels
        self.dataset = self._Images(num_classes, _classes(loader))
        self.findings: list[str] = []  # of what is read before training
        check_classes(self.dataset, 'val_loader', num_classes)
        sizes = self._read_at_start()
        self.dataset.first = next(iter(sizes.values()))
        if len(sizes) > 1 and not self.segments:
            self.findings.append(
                'val_loader: its images have several sizes ('
                + ', '.join(f'{height}x{width}' for height, width in list(sizes)[:5])
                + ', ...' * (len(sizes) > 5)
                + '); they are measured as they are'
            )

    def _read_at_start(self) -> dict[tuple[int, int], Tensor]:
        """Count images and batches, and find what is wrong with the labels.

        Returns:
            dict: The first image of each size.
        """
        counts = Occurrences(self.num_classes, VOID if self.segments else None)
        stated = _stated_images(self.loader) or 0
        self.length = 0  # batches
        sizes, part, in_a_batch = {}, '', 0
        for batch in self._read(counts):
            self.length += 1
            in_a_batch = in_a_batch or len(batch['inputs'])
            image = batch['inputs'][0]
            sizes.setdefault(tuple(image.shape[-2:]), image)
            if READ_AT_START <= self.dataset.count < stated:
                part = f'the first {self.dataset.count:,} images'
                self.dataset.count, self.length = stated, math.ceil(stated / in_a_batch)
                break
        if not self.dataset.count:
            raise ConfigError('val_loader gives no batch; without validation, leave it out')
        # Images are often sorted by class: of a part, masks alone tell what may be missing.
        if counts.total and (self.segments or not part):
            self.findings = counts.findings('val_loader', part)
        return sizes

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[dict]:
        yield from self._read()
        count = torch.tensor(self.dataset.count)
        all_reduce(count)
        self.dataset.count = int(count)

    def _read(self, counts: Occurrences | None = None) -> Iterator[dict]:
        """This process's batches.

        Args:
            counts: Gets all labels.
        """
        self.dataset.count = 0
        for images, labels in batches(self.loader, self.task, self.channels):
            self.dataset.count += len(images)
            if self.segments and isinstance(images, list):
                for sample in labels:
                    self._count(counts, self._map_of_sample(sample))
                yield dict(inputs=images, data_samples=labels)
                continue
            images = self._images(images)
            labels = self._labels(labels, images)
            self._count(counts, labels)
            if self.segments:
                yield labelled_batch(images, labels)
            else:
                yield dict(inputs=images, data_samples=labels)

    def _count(self, counts: Occurrences | None, labels: Tensor) -> None:
        if counts is not None and self.task in ('classification', 'segmentation'):
            counts.add(labels)

    def _images(self, images) -> Tensor:
        images = torch.as_tensor(images)
        images = channels_first(images, self.channels) if images.ndim == 4 else images
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise ConfigError(
                f'val_loader gives images of shape {list(images.shape)}; give '
                f'[N, {self.channels}, H, W], as the teacher takes them'
            )
        if images.dtype == torch.uint8:
            return images
        low, high = images.min().item(), images.max().item()
        if not images.is_floating_point() or not (low >= 0 and high <= 1):
            raise ConfigError(
                f'val_loader gives {images.dtype} images from {low:.3g} to {high:.3g}; give '
                'uint8 or floats in [0, 1], not normalised: mean and std are applied inside'
            )
        return images

    def _labels(self, labels, images) -> Tensor:
        labels = torch.as_tensor(labels)
        form = [len(images), *images.shape[2:]] if self.segments else [len(images)]
        if self.task in ('binary', 'multilabel'):
            return self._truths(labels, form)
        if list(labels.shape) == [form[0], 1, *form[1:]]:
            labels = labels[:, 0]
        if self.segments:
            _refuse_floats(labels)
        if list(labels.shape) != form or labels.is_floating_point():
            raise ConfigError(
                f'val_loader gives {labels.dtype} labels of shape {list(labels.shape)}; give '
                f'integers of shape {form}'
            )
        return self._within_classes(labels.long())

    def _map_of_sample(self, sample: Any) -> Tensor:
        """The label map of a sample of mmseg; its image may have another size."""
        labels = getattr(getattr(sample, 'gt_sem_seg', None), 'data', None)
        if not isinstance(labels, Tensor):
            raise ConfigError(
                f'val_loader gives lists with a {type(sample).__name__} without gt_sem_seg; '
                f'give tensors [N, {self.channels}, H, W] and [N, H, W], or the SegDataSample '
                'of a val set of mmsegmentation, whose pipeline has LoadAnnotations'
            )
        _refuse_floats(labels)
        return self._within_classes(labels.long())

    def _within_classes(self, labels: Tensor) -> Tensor:
        classes = labels[labels != VOID] if self.segments else labels
        if classes.numel() and not (0 <= classes.min() and classes.max() < self.num_classes):
            raise ConfigError(
                f'val_loader gives labels from {classes.min()} to {classes.max()}, but '
                f'num_classes={self.num_classes}; number the classes from 0'
            )
        return labels

    def _truths(self, labels: Tensor, form: list[int]) -> Tensor:
        """Labels 0 and 1, as the loss of these tasks takes them, of any type."""
        several = self.task == 'multilabel'
        form = [*form, self.num_classes] if several else form
        if not several and list(labels.shape) == [*form, 1]:
            labels = labels[:, 0]
        if list(labels.shape) != form or not ((labels == 0) | (labels == 1)).all():
            raise ConfigError(
                f'val_loader gives {labels.dtype} labels of shape {list(labels.shape)}; for '
                f"task='{self.task}' give the numbers 0 and 1, shape {form}"
            )
        return labels.long()


def _refuse_floats(masks: Tensor) -> None:
    if masks.is_floating_point():
        raise ConfigError(
            f'val_loader gives {masks.dtype} masks; give integers: PILToTensor keeps the '
            'classes of a mask, ToTensor divides them by 255'
        )


def _check_source(loader: Any, task: str) -> None:
    """Raise a ``ConfigError`` unless a source can be read more than once."""
    if isinstance(loader, Mapping) and not is_whole(loader, task):
        raise ConfigError(
            f'val_loader is a dict of {", ".join(map(repr, loader))}; give one of these parts'
        )
    indexed = hasattr(loader, '__getitem__') and hasattr(loader, '__len__')
    if not (isinstance(loader, Iterable) or indexed) or isinstance(loader, str):
        raise ConfigError(
            f'val_loader is a {type(loader).__name__}; give a DataLoader, a data set, or a '
            'list of batches'
        )
    if not indexed and iter(loader) is loader:
        raise ConfigError(
            'val_loader can be read only once, but every validation reads it; give a '
            'DataLoader or list(val_loader)'
        )


def _stated_images(loader: Any) -> int | None:
    """The number of images that a DataLoader draws, or a data set has; None if none says."""
    parts = [getattr(loader, 'sampler', None), getattr(loader, 'dataset', None)]
    if isinstance(loader, Dataset):
        parts.append(loader)
    return next((len(part) for part in parts if hasattr(part, '__len__')), None)


def _classes(loader: Any) -> Sequence[str] | None:
    """The class names that a loader's data set states, as torchvision's and mmengine's do."""
    dataset = getattr(loader, 'dataset', loader)
    meta = getattr(dataset, 'metainfo', None) or {}
    classes = meta.get('classes') or getattr(dataset, 'classes', None)
    fine = isinstance(classes, list | tuple) and all(isinstance(c, str) for c in classes)
    return classes if fine else None
