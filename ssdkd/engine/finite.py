"""Look for numbers that are not finite in all that a checkpoint is going to hold."""

from collections import defaultdict
from collections.abc import Mapping

import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor

from ssdkd.distillers import ReplayDistiller


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
    distiller: ReplayDistiller, optim_wrapper: OptimWrapperDict
) -> dict[str, Tensor]:
    """All tensors that training changes, by name: weights, statistics, optimizers, samples.

    In the order in which an error spreads within a round: the synthesizer, its samples, the
    student.
    """
    state, buffer = distiller.state_dict(keep_vars=True), distiller.buffer
    names = {id(p): name for name, p in distiller.named_parameters()}
    optimizers = {
        f'optim_wrapper.{role}: {key} of {names.get(id(p), "?")}': value
        for role, wrapper in optim_wrapper.items()
        for p, values in wrapper.optimizer.state.items()
        for key, value in values.items()
        if isinstance(value, Tensor)
    }
    samples = {name: column[: len(buffer)] for name, column in buffer.columns.items()}
    samples |= dict(class_counts=buffer.class_counts, max_priority=buffer.max_priority)
    return {
        **_below('synthesizer.', state),
        **_below('optim_wrapper.generator', optimizers),
        **{f'buffer: {name}': tensor for name, tensor in samples.items()},
        **_below('student.', state),
        **_below('optim_wrapper.student', optimizers),
    }


def remedy(name: str) -> str:
    """What to do about a tensor of :func:`training_tensors` that is not finite."""
    if name.startswith('buffer'):
        return (
            'The teacher or a sampler cannot cope with the samples: set model.autocast to '
            'None, or lower optim_wrapper.generator.optimizer.lr'
        )
    role, losses = 'generator', 'synthesizer.losses'
    if name.startswith(('student', 'optim_wrapper.student')):
        role, losses = 'student', 'distillation'
    return f'Lower optim_wrapper.{role}.optimizer.lr, or the weights of model.{losses}'


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
