"""Building of parts of a distiller, with config keys in the errors."""

from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.losses import BaseDistillationLoss
from ssdkd.registry import (
    GENERATORS,
    LOSSES,
    SYNTHESIZERS,
    ComponentRegistry,
    argument_names,
)
from ssdkd.synthesizers import BaseSynthesizer
from ssdkd.words import count


def build_part(key: str, registry: ComponentRegistry, cfg: dict):
    """Build ``model.<key>``, with the config key in its errors."""
    try:
        return registry.build(cfg)
    except ConfigError as error:
        raise ConfigError(f'model.{key}: {error}') from error


def with_channels(synthesizer: dict, channels: int) -> dict:
    """A synthesizer's config for images of the teacher's channels, unless it says its own."""
    if channels == 3 or 'dataset' in synthesizer:  # whose images have their own
        return synthesizer
    if not _takes_channels(synthesizer):  # it may make them anyway
        return synthesizer
    if 'generator' not in synthesizer:
        return {'channels': channels, **synthesizer}
    return {**synthesizer, 'generator': {'channels': channels, **synthesizer['generator']}}


def build_synthesizer(cfg: dict, channels: int) -> BaseSynthesizer:
    """Build ``model.synthesizer`` for images of the teacher's channels.

    Raises:
        ConfigError: What makes the images does not take their channels, and makes others.
    """
    built = build_part('synthesizer', SYNTHESIZERS, with_channels(cfg, channels))
    if channels != 3 and built.channels != channels and not _takes_channels(cfg):
        key = '.generator' * ('generator' in cfg)
        maker = cfg.get('generator', cfg)['type']
        remedy = 'give its constructor an argument channels, or take another one'
        if 'dataset' in cfg:
            remedy = 'set the channels of its dataset'
        raise ConfigError(
            f'model.synthesizer{key}: {maker} makes images of '
            f'{count(built.channels, "channel")}, but the teacher takes {channels}; {remedy}'
        )
    return built


def _takes_channels(synthesizer: dict) -> bool:
    """Whether what makes the images, the generator if there is one, is told their channels."""
    registry = GENERATORS if 'generator' in synthesizer else SYNTHESIZERS
    component = synthesizer.get('generator', synthesizer).get('type')
    if isinstance(component, str):
        component = registry.get(component)
    names = component and argument_names(component)
    return names is None or 'channels' in names


def build_terms(distillation: dict[str, dict | None]) -> nn.ModuleDict:
    """Build the terms of ``model.distillation`` that are not None."""
    terms = {
        name: build_part(f'distillation.{name}', LOSSES, cfg)
        for name, cfg in sorted(distillation.items())  # as inversion losses are
        if cfg is not None
    }
    if not terms:
        raise ConfigError(
            'model.distillation has no term, so the student would learn nothing; give one, '
            "such as kl=dict(type='KLDivergenceLoss')"
        )
    for name, term in terms.items():
        if not isinstance(term, BaseDistillationLoss):
            raise ConfigError(
                f'model.distillation.{name}: {type(term).__name__} is an inversion loss; it '
                'belongs in model.synthesizer.losses'
            )
    if not any(term.weight for term in terms.values()):
        raise ConfigError(
            f'model.distillation: {", ".join(terms)}: weight=0, so the student would learn '
            'nothing; give one of them a weight above 0'
        )
    return nn.ModuleDict(terms)
