"""Config keys of earlier versions, translated to those of today."""

import functools
import inspect
from collections.abc import Iterable, Mapping
from inspect import Parameter
from typing import Any

from mmengine.config import Config

from ssdkd.checks import check_bool, check_int, check_number

# Component -> its renamed keys, old to new.
RENAMED = {
    'ReplayDistiller': dict(balancing='modulation'),
    'NoiseSynthesizer': dict(batch_size='samples'),
    'RealImageSynthesizer': dict(batch_size='samples'),
}
# The keys that stood for augmentation before ``augment`` did.
AUGMENT_KEYS = dict(crop_padding=int, flip=bool, light=float)
# Each one's transform, and its argument there.
TRANSFORMS = dict(
    crop_padding=('RandomCropFlip', 'padding'),
    flip=('RandomCropFlip', 'flip'),
    light=('RandomLight', 'strength'),
)


def renamed(part: Mapping, component: str) -> dict:
    """The config of a component, with its renamed keys under their new names.

    What stands under an old name changes what stands under the new one, as a file of then may
    build on a base of today.

    Args:
        part: The config.
        component: Name of the class; nothing is renamed unless it is a key of ``RENAMED``.
    """
    keys = RENAMED.get(component, {})
    given = {old: new for old, new in keys.items() if old in part}
    cfg = Config({new: part[new] for new in given.values() if new in part})
    cfg.merge_from_dict({new: part[old] for old, new in given.items()})
    return {k: v for k, v in part.items() if k not in given} | cfg.to_dict()


def rename_keys(cfg: Config) -> None:
    """Rename the keys of a whole config in place; one without a model stays as it is."""
    if 'model' not in cfg:
        return
    # Also of a plugin's distiller, whose class is not imported yet.
    cfg.model = renamed(cfg.model, 'ReplayDistiller')
    if isinstance(synthesizer := cfg.model.get('synthesizer'), dict):
        cfg.model.synthesizer = renamed(synthesizer, synthesizer.get('type'))


def accepts_old_keys(component: type) -> type:
    """Let a component take the keys of earlier versions where it is built.

    Whoever builds it need not have read its config by :mod:`ssdkd.config`. One with an argument
    ``augment`` also takes ``crop_padding`` and ``flip``, the arguments of
    :class:`RandomCropFlip`, and ``light``, the strength of :class:`RandomLight`. Each changes
    one transform of the list.
    """
    init = component.__init__
    signature = inspect.signature(init)
    names = RENAMED.get(component.__name__, {})
    augment = signature.parameters.get('augment')

    @functools.wraps(init)
    def with_old_keys(self, *args, **kwargs):
        kwargs = renamed(kwargs, component.__name__)
        old = {k: kwargs.pop(k) for k in AUGMENT_KEYS if k in kwargs and augment is not None}
        if old:
            check_int(self, 0, crop_padding=old.get('crop_padding', 0))
            check_bool(self, flip=old.get('flip', False))
            check_number(self, '[0, 1]', light=old.get('light', 0))
            kwargs['augment'] = renewed(kwargs.get('augment', augment.default), old)
        init(self, *args, **kwargs)

    # What looks for misspelt and for missing keys reads the signature.
    kinds = {old: signature.parameters[new].annotation for old, new in names.items()}
    kinds |= AUGMENT_KEYS if augment is not None else {}
    parameters = [
        # Its old name may stand for it.
        p.replace(kind=Parameter.KEYWORD_ONLY, default=None) if p.name in names.values() else p
        for p in signature.parameters.values()
    ]
    parameters += [
        Parameter(key, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for key, kind in kinds.items()
    ]
    parameters.sort(key=lambda p: p.kind)
    with_old_keys.__signature__ = signature.replace(parameters=parameters)
    component.__init__ = with_old_keys
    return component


def renewed(augment: Iterable[Mapping], old: Mapping[str, Any]) -> list[dict]:
    """A list of transforms after old keys have changed it.

    Args:
        augment: Configs of batch transforms.
        old: Old keys and their values.
    """
    new = [dict(cfg) for cfg in augment]
    for key, value in old.items():
        kind, argument = TRANSFORMS[key]
        transform = next((cfg for cfg in new if cfg.get('type') == kind), None)
        if transform is None:
            transform = dict(type=kind)
            new.insert(0 if kind == 'RandomCropFlip' else len(new), transform)
        transform[argument] = value
    return plain(new)


def plain(augment: Iterable[Mapping]) -> list[dict]:
    """A list of transforms without arguments that change nothing, and without idle ones."""
    new = [dict(cfg) for cfg in augment]
    for cfg in new:
        for kind, argument in TRANSFORMS.values():
            if cfg.get('type') == kind and not cfg.get(argument):
                cfg.pop(argument, None)
    idle = [dict(type=kind) for kind, _ in TRANSFORMS.values()]
    return [cfg for cfg in new if cfg not in idle]


def without_old_keys(settings: Any) -> Any:
    """The same settings in the keys of today, so that those of an old run can be compared.

    Args:
        settings: Plain data, dicts and lists within each other.
    """
    if isinstance(settings, list):
        return [without_old_keys(part) for part in settings]
    if not isinstance(settings, dict):
        return settings
    new = {k: v if k == 'augment' else without_old_keys(v) for k, v in settings.items()}
    old = {k: new.pop(k) for k in AUGMENT_KEYS if k in new}
    if old or 'augment' in new:
        new['augment'] = renewed(new.get('augment') or (), old)
    return new
