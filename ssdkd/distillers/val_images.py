"""Check of the size and channels of labelled images, before they are measured."""

from collections.abc import Sequence
from logging import INFO, WARNING

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ssdkd.distillers.teacher_checks import untouched
from ssdkd.errors import ConfigError
from ssdkd.models import channels_of, device_of
from ssdkd.tasks import BaseTask
from ssdkd.transforms import to_unit_range
from ssdkd.user_code import describe_error
from ssdkd.words import count


@torch.no_grad()
def check_image_size(
    dataset: Dataset,
    key: str,
    networks: dict[str, nn.Module],
    size: Sequence[int],
    task: BaseTask,
) -> list[tuple[int, str]]:
    """Compare the first image of a labelled set with the synthetic images.

    Nothing resizes labelled images, so that another size may measure something else than the
    teacher was trained for.

    Args:
        dataset: The set; one whose samples are no dicts with ``inputs`` is not looked at.
        key: Its name in messages.
        networks: Role -> network, images [N, C, H, W] in [0, 1] to logits: those to evaluate.
        size: (H, W) of the synthetic images.
        task: What the networks do.

    Returns:
        list[tuple[int, str]]: A logging level and a line, if the sizes differ.

    Raises:
        ConfigError: A network cannot take images of that size, or takes other channels.
    """
    sample = dataset[0]
    image = sample.get('inputs') if isinstance(sample, dict) else None
    if not isinstance(image, Tensor):
        return []
    for role, network in networks.items():
        if image.ndim == 3 and len(image) != channels_of(network):
            raise ConfigError(
                f'{key}: its images have {count(len(image), "channel")}, but the {role} takes '
                f'{channels_of(network)}; set {key}.dataset.channels={channels_of(network)}'
            )
    if tuple(image.shape[-2:]) == tuple(size):
        return []
    found, wanted = (f'{height}x{width}' for height, width in (image.shape[-2:], size))
    for role, network in networks.items():
        was_training = network.training
        try:
            with untouched(network.eval()):
                network(to_unit_range(image[None].to(device_of(network))))
        except Exception as error:  # of the user's own code
            raise ConfigError(
                f'{key}: its images have {found} pixels, and the synthetic ones {wanted}; the '
                f'{role} cannot take them: its forward fails with {describe_error(error)}; '
                f'resize them to {wanted}'
            ) from error
        finally:
            network.train(was_training)
    # Segmentors are usually measured on whole photos.
    level = INFO if task.cases == 'pixels' else WARNING
    line = (
        f'{key}: its images have {found} pixels, and the synthetic ones {wanted}. They are '
        f'measured as they are; if the teacher was trained on {wanted}, resize them to that'
    )
    return [(level, line)]
