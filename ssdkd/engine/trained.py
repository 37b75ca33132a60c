"""Check that an optimizer trains every trainable parameter of a distiller."""

from collections.abc import Iterator
from typing import Any

from mmengine.optim import OptimWrapperDict
from torch import nn

from ssdkd.distillers import BaseDistiller
from ssdkd.errors import ConfigError

# What nn.Module keeps of its own: hooks refer to modules that others own.
INTERNAL = set(vars(nn.Module()))


def check_trained(distiller: BaseDistiller, optim_wrapper: OptimWrapperDict) -> None:
    """Check every parameter that requires gradients, before training.

    Also finds parameters that torch does not list: of a module in a plain list or dict, and of
    components that are no modules, such as a sampler.

    Args:
        distiller (BaseDistiller): The distiller itself, not its wrapper.
        optim_wrapper (OptimWrapperDict): The run's optimizers.

    Raises:
        ConfigError: No optimizer trains one; the message names it and the config key.
    """
    trained = {
        id(parameter)
        for wrapper in optim_wrapper.values()
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    for name, parameter in _parameters(distiller, '', set()):
        if parameter.requires_grad and id(parameter) not in trained:
            name = name.replace('.module.', '.')
            raise ConfigError(_message(distiller, name, set(optim_wrapper.keys())))


def _message(distiller: BaseDistiller, name: str, optimizers: set[str]) -> str:
    found = f'model.{name}: no optimizer trains this parameter, so it would never change'
    freeze = 'or freeze it with requires_grad_(False)'
    roles = [r for r in distiller.roles.values() if name.startswith(f'{r.path}.')]
    if not roles:
        return f'{found}; add its module to the roles of {type(distiller).__name__}, {freeze}'
    if roles[0].optimizer is None:
        return f'{found}; give its role an optimizer, {freeze}'
    if roles[0].optimizer in optimizers:
        return f'{found}; make its module an attribute, which torch lists, {freeze}'
    return f'{found}; add optim_wrapper.{roles[0].optimizer}, {freeze}'


def _parameters(
    value: Any, name: str, seen: set[int], depth: int = 0
) -> Iterator[tuple[str, nn.Parameter]]:
    """All parameters below a value by name, each once."""
    if id(value) in seen:
        return
    parts: dict = {}
    if isinstance(value, nn.Parameter):
        seen.add(id(value))
        yield name, value
    elif isinstance(value, nn.Module):
        seen.add(id(value))
        hidden = {k: v for k, v in vars(value).items() if k not in INTERNAL}
        parts = {**value._parameters, **value._modules, **hidden}
    elif isinstance(value, dict):
        parts = value
    elif isinstance(value, list | tuple):
        parts = dict(enumerate(value))
    elif depth == 1 and hasattr(value, '__dict__'):  # a component of the distiller
        parts = vars(value)
    for key, part in parts.items():
        yield from _parameters(part, f'{name}.{key}'.lstrip('.'), seen, depth + 1)
