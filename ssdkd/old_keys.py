"""Config keys of earlier versions, translated to those of today."""

import functools
import inspect
from collections.abc import Iterable, Mapping
from inspect import Parameter
from typing import Any

from mmengine.config import Config

from ssdkd.checks import check_bool, check_int, check_number

# Component -> its renamed keys, old to new.
RENAMED = {'ReplayDistiller': dict(balancing='modulation')}
# The keys that stood for augmentation before ``augment`` did.
AUGMENT_KEYS = dict(crop_padding=int, flip=bool, light=float)
# Each one's transform, and its argument there.
TRANSFORMS = dict(
    crop_padding=('RandomCropFlip', 'padding'),
    flip=('RandomCropFlip', 'flip'),
    light=('RandomLight', 'strength'),
)


def renamed(part: Mapping, component: str) -> Mapping:
    """The config of a component, with its renamed keys under their new names.

    What stands under an old name changes what stands under the new one, as a file of then may
    build on a base of today.

    Args:
        part: The config.
        component: A key of ``RENAMED``; of any other component nothing is renamed.
    """
    keys = RENAMED.get(component, {})
    old = {new: part[key] for key, new in keys.items() if key in part}
    if not old:
        return part
    cfg = Config(dict(part={k: v for k, v in part.items() if k not in keys}))
    cfg.merge_from_dict(dict(part=old))
    return cfg.part


def rename_keys(cfg: Config) -> None:
    """Rename the keys of a whole config in place; one without a model stays as it is."""
    if 'model' in cfg:
        # Also of a plugin's distiller, whose class is not imported yet.
        cfg.model = renamed(cfg.model, 'ReplayDistiller')


def accepts_old_keys(component: type) -> type:
    """Let a component with an argument ``augment`` take ``crop_padding``, ``flip``, ``light``.

    Configs from before ``augment`` work as they did. Each old key changes one transform of
    the list: ``crop_padding`` and ``flip`` are those of :class:`RandomCropFlip`, ``light`` is
    the strength of :class:`RandomLight`.
    """
    init = component.__init__
    signature = inspect.signature(init)
    default = signature.parameters['augment'].default

    @functools.wraps(init)
    def with_old_keys(self, *args, **kwargs):
        old = {key: kwargs.pop(key) for key in AUGMENT_KEYS if key in kwargs}
        if old:
            check_int(self, 0, crop_padding=old.get('crop_padding', 0))
            check_bool(self, flip=old.get('flip', False))
            check_number(self, '[0, 1]', light=old.get('light', 0))
            kwargs['augment'] = renewed(kwargs.get('augment', default), old)
        init(self, *args, **kwargs)

    # What looks for misspelt keys reads the signature.
    with_old_keys.__signature__ = signature.replace(
        parameters=[
            *signature.parameters.values(),
            *(
                Parameter(key, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
                for key, kind in AUGMENT_KEYS.items()
            ),
        ]
    )
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
        if not value:
            del transform[argument]
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
    new = {k: v for k, v in new.items() if k not in AUGMENT_KEYS}
    old = {k: v for k, v in settings.items() if k in AUGMENT_KEYS}
    return new | {'augment': renewed(new.get('augment', ()), old)} if old else new
