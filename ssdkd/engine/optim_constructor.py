"""One optimizer a role: the student's and the synthesizer's."""

from collections.abc import Callable
from functools import partial

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapperDict
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class RoleOptimWrapperConstructor:
    """Builds ``OptimWrapperDict(student=..., generator=...)`` from one config for each role.

    Two optimizers, so that a step of one role can never move the other's weights. A role that
    has nothing to train, as the generator's of a synthesizer without one, gets none. Gradients
    are clipped without a log of their norm, for which the host would wait at every step.

    Args:
        optim_wrapper_cfg (dict): Role to config of an ``OptimWrapper``.
        paramwise_cfg: Not used here; give it inside a role's config.

    Raises:
        ConfigError: A role is unknown, or its optimizer cannot be built.
    """

    ROLES = {'student': 'student', 'generator': 'synthesizer'}

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None):
        unknown = set(optim_wrapper_cfg) - set(self.ROLES)
        if unknown:
            raise ConfigError(
                f'optim_wrapper.{unknown.pop()}: unknown role; the roles are '
                f'{" and ".join(self.ROLES)}'
            )
        self.cfg = optim_wrapper_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        model = getattr(model, 'module', model)
        wrappers = {}
        for role, cfg in self.cfg.items():
            module = getattr(model, self.ROLES[role])
            if not any(p.requires_grad for p in module.parameters()):
                continue
            cfg = cfg.copy()
            constructor = DefaultOptimWrapperConstructor(cfg, cfg.pop('paramwise_cfg', None))
            try:
                wrappers[role] = constructor(module)
            except (AssertionError, RuntimeError, TypeError, ValueError) as error:
                raise ConfigError(f'optim_wrapper.{role}: {error}') from error
            if wrappers[role].clip_grad_kwargs:
                wrappers[role].clip_func = partial(_clip_unread, wrappers[role].clip_func)
        return OptimWrapperDict(**wrappers)


def _clip_unread(clip: Callable, *args, **kwargs) -> None:
    """Clip gradients, and keep the norm from mmengine, which would read it."""
    clip(*args, **kwargs)
