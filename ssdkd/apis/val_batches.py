"""A val set that is given as an object, in the form that mmengine's loop reads."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from ssdkd.datasets.class_names import check_classes
from ssdkd.errors import ConfigError
from ssdkd.mmseg import labelled_batch

VOID = 255  # pixels without a class
READ_AT_START = 1000  # images of a loader that is read as a whole before training


class ValBatches:
    """The batches of ``val_loader`` as dicts, each of them checked.

    Of several processes each reads a loader of its own, with all batches or with a part of
    them. Their results are put together, so that every batch counts as often as it is read.

    Args:
        loader (Iterable): Gives ``(images, labels)`` or ``dict(inputs=, data_samples=)``, again
            each time it is iterated. Images [N, C, H, W] are uint8 or float in [0, 1]; labels
            are integers, [N], or [N, H, W] with 255 for void, or the numbers 0 and 1 of any
            type, [N, L] of several labels and [N] or [N, 1] of a binary task. Lists of mmseg's
            own samples pass as they are.
        task (str): ``'classification'``, ``'binary'``, ``'multilabel'`` or ``'segmentation'``.
        num_classes (int): Number of classes.
        channels (int): C of the images. Defaults to 3.

    Raises:
        ConfigError: A batch is none of these, or the loader's data set states another number of
            classes. Of more than 1,000 images, only the first batch is read here.
    """

    class _Images:
        """Stand-in for mmengine's dataset: the number of images, and class names."""

        def __init__(self, num_classes: int, classes: Sequence[str] | None):
            indices = [str(k) for k in range(num_classes)]
            self.metainfo = dict(classes=tuple(classes or indices))
            self.count = 0

        def __len__(self) -> int:
            return self.count

        def __getitem__(self, index: int) -> None:
            """Nothing: the first batch has been looked at already."""

    def __init__(self, loader: Iterable, task: str, num_classes: int, channels: int = 3):
        if not isinstance(loader, Iterable):
            raise ConfigError(f'val_loader is a {type(loader).__name__}; give an iterable')
        if iter(loader) is loader:
            raise ConfigError(
                'val_loader can be read only once, but every validation reads it; give a '
                'DataLoader or list(val_loader)'
            )
        self.loader = loader
        self.task = task
        self.segments = task == 'segmentation'
        self.num_classes = num_classes
        self.channels = channels
        self.dataset = self._Images(num_classes, _classes(loader))
        check_classes(self.dataset, 'val_loader', num_classes)
        stated = _stated_images(loader)
        if stated is None or stated <= READ_AT_START:
            found = sum(1 for _ in self)  # which also counts the images
        else:
            found = next(iter(self), None)
            self.dataset.count = stated
        if not found:
            raise ConfigError('val_loader gives no batch; without validation, leave it out')

    def __len__(self) -> int:
        return len(self.loader) if hasattr(self.loader, '__len__') else 1

    def __iter__(self) -> Iterator[dict]:
        self.dataset.count = 0
        for batch in self.loader:
            if isinstance(batch, dict):
                batch = batch.get('inputs'), batch.get('data_samples')
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise ConfigError(
                    'val_loader must give (images, labels) or dict(inputs=, data_samples=)'
                )
            images, labels = batch
            self.dataset.count += len(images)
            if self.segments and isinstance(images, list):
                yield dict(inputs=images, data_samples=labels)
                continue
            images, labels = self._images(images), self._labels(labels, images)
            if self.segments:
                yield labelled_batch(images, labels)
            else:
                yield dict(inputs=images, data_samples=labels)
        count = torch.tensor(self.dataset.count)
        all_reduce(count)
        self.dataset.count = int(count)

    def _images(self, images) -> Tensor:
        images = torch.as_tensor(images)
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
        if list(labels.shape) != form or labels.is_floating_point():
            raise ConfigError(
                f'val_loader gives {labels.dtype} labels of shape {list(labels.shape)}; give '
                f'integers of shape {form}'
            )
        labels = labels.long()
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


def _stated_images(loader: Iterable) -> int | None:
    """The number of images that a DataLoader draws, or a data set has; None if none says."""
    parts = (getattr(loader, 'sampler', None), getattr(loader, 'dataset', None))
    return next((len(part) for part in parts if hasattr(part, '__len__')), None)


def _classes(loader: Iterable) -> Sequence[str] | None:
    """The class names that a loader's data set states, as torchvision's and mmengine's do."""
    dataset = getattr(loader, 'dataset', None)
    meta = getattr(dataset, 'metainfo', None) or {}
    classes = meta.get('classes') or getattr(dataset, 'classes', None)
    fine = isinstance(classes, list | tuple) and all(isinstance(c, str) for c in classes)
    return classes if fine else None
