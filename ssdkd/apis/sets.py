"""Checks of the labelled data sets of a Runner, before it uses them."""

import torch
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from ssdkd.datasets import check_set
from ssdkd.datasets.class_names import check_classes
from ssdkd.distillers.val_images import check_image_size
from ssdkd.mmseg import num_outputs
from ssdkd.models import device_of
from ssdkd.transforms import to_unit_range
from ssdkd.user_code import failing_as


def check_sets(
    runner: Runner,
    network: nn.Module,
    *names: str,
    num_classes: int | None = None,
    image_size: tuple[int, int] | None = None,
) -> None:
    """Check the labelled data sets that a Runner has.

    Their classes must be those of the network, and those of the val set the training set's.

    Args:
        runner: The runner; its loops are built here if they are not yet.
        network: A ``Network``, or a segmentor of mmseg.
        *names: ``'train'``, ``'val'``, ``'test'``: those that are going to be used.
        num_classes: The network's number of outputs. Defaults to what it gives for an image.
        image_size: (H, W) of the synthetic images, with a ``Predictor``. Defaults to None:
            there are none.

    Raises:
        ConfigError: See :func:`ssdkd.datasets.check_set` and :func:`check_image_size`.
    """
    trained = getattr(network, 'classes', None)
    for name in names:
        loop = getattr(runner, f'{name}_loop')
        if loop is None:
            continue
        dataset, key = loop.dataloader.dataset, f'{name}_dataloader'
        outputs = num_classes or _outputs(network, dataset)
        if name == 'train':  # its images are read soon anyway, and may be very many
            check_classes(dataset, key, outputs, trained)
            trained = (getattr(dataset, 'metainfo', None) or {}).get('classes') or trained
        else:
            for line in check_set(dataset, key, outputs, trained):
                runner.logger.warning(line)
            if image_size is not None:
                for finding in check_image_size(
                    dataset, key, {'network': network}, image_size, runner.model.task
                ):
                    runner.logger.log(*finding)


def _outputs(network: nn.Module, dataset: Dataset) -> int:
    plain = getattr(network, 'model', network)
    stated = num_outputs(plain)
    if stated is not None:
        return stated
    image = dataset[0]['inputs'][None].to(device_of(network))
    was_training = network.training
    what = (
        'the network cannot take the images of the data set: its forward fails for shape '
        f'{list(image.shape)}'
    )
    try:
        with torch.no_grad(), failing_as(what):
            return network.eval()(to_unit_range(image)).shape[1]
    finally:
        network.train(was_training)
