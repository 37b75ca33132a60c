"""Optimizers of the roles, one per key of ``optim_wrapper``."""

from collections.abc import Callable
from functools import partial

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper, OptimWrapperDict
from torch import nn

from ssdkd.distillers import BaseDistiller
from ssdkd.errors import ConfigError
from ssdkd.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class RoleOptimWrapperConstructor:
    """Builds an ``OptimWrapperDict`` with one optimizer per key of the config.

    The distiller's roles say which optimizer trains which part. A step of one optimizer never
    moves the weights of another. An optimizer whose parts have nothing to train, as the
    generator's of a synthesizer without one, is left out. Gradients are clipped without a log
    of their norm, for which the host would wait at every step.

    Args:
        optim_wrapper_cfg (dict): Key to config of an ``OptimWrapper``.
        paramwise_cfg: Not used here; give it inside the config of a key.

    Raises:
        ConfigError: No role names a key, or its optimizer cannot be built.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None):
        self.cfg = optim_wrapper_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        distiller: BaseDistiller = getattr(model, 'module', model)
        parts = {role.optimizer: {} for role in distiller.trained.values()}
        for name, role in distiller.trained.items():
            part = distiller.get_submodule(role.path)
            if any(p.requires_grad for p in part.parameters()):
                parts[role.optimizer][name.replace('.', '_')] = part
        unknown = set(self.cfg) - set(parts)
        if unknown:
            raise ConfigError(
                f'optim_wrapper.{unknown.pop()}: unknown role; the roles are '
                f'{" and ".join(sorted(parts, reverse=True))}'
            )
        return OptimWrapperDict(
            **{
                key: _wrapper(key, cfg.copy(), parts[key])
                for key, cfg in self.cfg.items()
                if parts[key]
            }
        )


def _wrapper(key: str, cfg: dict, parts: dict[str, nn.Module]) -> OptimWrapper:
    """The optimizer of some parts; a part that is alone keeps the names of its weights."""
    module = nn.ModuleDict(parts) if len(parts) > 1 else next(iter(parts.values()))
    constructor = DefaultOptimWrapperConstructor(cfg, cfg.pop('paramwise_cfg', None))
    try:
        wrapper = constructor(module)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f'optim_wrapper.{key}: {error}') from error
    if wrapper.clip_grad_kwargs:
        wrapper.clip_func = partial(_clip_unread, wrapper.clip_func)
    return wrapper


def _clip_unread(clip: Callable, *args, **kwargs) -> None:
    """Clip gradients without returning the norm, which mmengine would read from the device."""
    clip(*args, **kwargs)
