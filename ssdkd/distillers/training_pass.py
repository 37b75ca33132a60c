"""A pass of each network as in training, before the first round."""

import torch
from mmengine.dist import get_world_size
from torch import nn

from ssdkd.distillers.base import BaseDistiller
from ssdkd.distillers.teacher_checks import untouched
from ssdkd.errors import ConfigError
from ssdkd.models import device_of, has_program
from ssdkd.models.program import NOT_TRAINED
from ssdkd.synthesizers import InversionSynthesizer
from ssdkd.user_code import failing_as
from ssdkd.words import count


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


def _check_all_trained(network: nn.Module, where: str) -> None:
    """Several processes wait for the gradient of each parameter, one does without."""
    unused = [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]
    if unused and get_world_size() > 1:
        raise ConfigError(
            f'{where}: {count(len(unused), "parameter")} without gradient, as its output '
            f'does not depend on them ({", ".join(unused[:3])}{", ..." * (len(unused) > 3)}); '
            'several processes cannot train it so: set their requires_grad=False, or use one '
            'process'
        )


def check_inversion_pass(distiller: BaseDistiller) -> None:
    """Ask the teacher for the gradient of its output, as inversion does in every step.

    Without gradients it may work and fail here, and a forward that detaches would leave the
    samples as they are drawn. Synthesizers that do not invert need none.

    Args:
        distiller (BaseDistiller): On the device that it trains on.

    Raises:
        ConfigError: It fails, or no gradient reaches the images.
    """
    if 'teacher' not in distiller.roles or not isinstance(
        distiller.synthesizer, InversionSynthesizer
    ):
        return
    where, network = f'model.{distiller.roles["teacher"].path}', distiller.part('teacher')
    shape = (2, distiller.synthesizer.channels, *distiller.synthesizer.image_size)
    what = (
        f'{where} cannot be inverted: where gradients are needed, it fails for images of shape '
        f'{list(shape)}'
    )
    with untouched(network), failing_as(what):
        images = torch.rand(shape, device=device_of(network), requires_grad=True)
        output = distiller.answer('teacher', images).float()
        gradient = output.requires_grad and torch.autograd.grad(
            output.square().sum(), images, allow_unused=True
        )
    if not gradient or gradient[0] is None:
        raise ConfigError(
            f'{where} cannot be inverted: no gradient reaches the images from its output; its '
            'forward must not use no_grad, detach, argmax or numpy'
        )


def _check(distiller: BaseDistiller, name: str, where: str) -> None:
    network, images = distiller.part(name), distiller.synthesizer
    was_training = network.training
    shape = (distiller.batch_size, images.channels, *images.image_size)
    what = f'{where} cannot train: in training mode it fails for images of shape {list(shape)}'
    try:
        with untouched(network), failing_as(what):
            network.train()
            output = distiller.answer(name, torch.rand(shape, device=device_of(network)))
            distiller.task.check_output(output, f'{where} in training mode', trained=False)
            output.float().sum().backward()
            _check_all_trained(network, where)
    finally:
        network.train(was_training).zero_grad()
