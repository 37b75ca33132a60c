"""Search for NaN and infinity in everything that a checkpoint will hold."""

from collections import defaultdict
from collections.abc import Mapping

import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor

from ssdkd.distillers import BaseDistiller


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that hold a NaN or an infinity, in their order.

    One value is read from each device, whatever the number of tensors.
    """
    flags = defaultdict(dict)
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            flags[tensor.device][name] = tensor.isfinite().all()
    sound = {}
    for found in flags.values():
        sound |= zip(found, torch.stack(list(found.values())).tolist())
    return [name for name in tensors if not sound.get(name, True)]


def training_tensors(
    distiller: BaseDistiller, optim_wrapper: OptimWrapperDict
) -> dict[str, Tensor]:
    """All tensors that training changes, by name: weights, statistics, optimizers, samples.

    In the order in which an error spreads within a round: what the generator phase trains, its
    samples, what the student steps train.
    """
    state, buffer = distiller.state_dict(keep_vars=True), distiller.buffer
    names = {id(p): name for name, p in distiller.named_parameters()}
    optimizers = {
        f'optim_wrapper.{name}: {key} of {names.get(id(p), "?")}': value
        for name, wrapper in optim_wrapper.items()
        for p, values in wrapper.optimizer.state.items()
        for key, value in values.items()
        if isinstance(value, Tensor)
    }
    samples = {name: column[: len(buffer)] for name, column in buffer.columns.items()}
    samples |= dict(class_counts=buffer.class_counts, max_priority=buffer.max_priority)
    found, stored = {}, {f'buffer: {name}': tensor for name, tensor in samples.items()}
    for role in distiller.trained.values():
        if not role.synthesizes:
            found |= stored
        found |= _below(f'{role.path}.', state)
        found |= _below(f'optim_wrapper.{role.optimizer}:', optimizers)
    return found | stored


def remedy(name: str, distiller: BaseDistiller) -> str:
    """What to do about a tensor of :func:`training_tensors` that is not finite."""
    if name.startswith('buffer'):
        return (
            'The teacher or a sampler cannot cope with the samples: set model.autocast to '
            'None, or lower optim_wrapper.generator.optimizer.lr'
        )
    role = next(
        role
        for role in distiller.trained.values()
        if name.startswith((f'{role.path}.', f'optim_wrapper.{role.optimizer}:'))
    )
    return (
        f'Lower optim_wrapper.{role.optimizer}.optimizer.lr, or the weights of '
        f'model.{role.losses}'
    )


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
