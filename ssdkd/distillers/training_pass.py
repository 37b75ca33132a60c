"""A pass of each student as in a training step, before the first round."""

import torch

from ssdkd.distillers.base import BaseDistiller
from ssdkd.errors import ConfigError
from ssdkd.models import has_program
from ssdkd.models.program import NOT_TRAINED
from ssdkd.runs import random_state, set_random_state
from ssdkd.user_code import describe_error


def check_training_pass(distiller: BaseDistiller) -> None:
    """Run each network that is trained forward and backward in training mode.

    A network may work in evaluation mode and fail here: other code runs, batch norms need more
    than one value per channel, and gradients have to flow. Weights, statistics and random
    states stay as they are.

    Args:
        distiller (BaseDistiller): On the device that it trains on.

    Raises:
        ConfigError: One fails, or its output does not fit the task.
    """
    for name, role in distiller.roles.items():
        if role.network and role.optimizer is not None:
            if has_program(distiller.part(name)):
                raise ConfigError(f'model.{role.path} {NOT_TRAINED}')
            _check(distiller, name, f'model.{role.path}')


def _check(distiller: BaseDistiller, name: str, where: str) -> None:
    network, before = distiller.part(name), random_state()
    kept = [(buffer, buffer.clone()) for buffer in network.buffers()]
    was_training = network.training
    shape = (distiller.synthesizer.channels, *distiller.synthesizer.image_size)
    device = next(network.parameters()).device
    try:
        network.train()
        output = distiller.answer(name, torch.rand(distiller.batch_size, *shape, device=device))
        distiller.task.check_output(output, f'{where} in training mode', trained=False)
        output.float().sum().backward()
    except ConfigError:
        raise
    except Exception as error:  # of the user's own code
        raise ConfigError(
            f'{where} cannot train: in training mode it fails for images of shape '
            f'{[distiller.batch_size, *shape]} with {describe_error(error)}'
        ) from error
    finally:
        network.train(was_training).zero_grad()
        for buffer, value in kept:
            buffer.copy_(value)
        set_random_state(before)
