"""Checks of a config's types and keys, before anything is built from it."""

import inspect
import math

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry
from mmengine.runner import Runner  # noqa: F401  (registers what mmengine itself brings)

from ssdkd.errors import ConfigError
from ssdkd.mmseg import check_installed, missing_files
from ssdkd.registry import ALL_REGISTRIES, argument_names, nearest

# Keys that mmengine takes out of a config before it builds from it.
OUTSIDE = {'type', '_scope_', 'priority', 'constructor', 'paramwise_cfg'}

WITHOUT_VAL = (
    '. To train without evaluation: --cfg-options val_dataloader=None val_cfg=None '
    'val_evaluator=None'
)


def check_config(cfg: dict, path: str = '') -> None:
    """Check every ``type`` below ``cfg``, and the keys beside it.

    mmengine finds such errors, too, but later and with less clear messages. Types of other
    packages (``'mmseg.X'``), classes and arguments of functions are not checked here.

    Args:
        cfg: A config or a part of it.
        path: Key of that part, for the message.

    Raises:
        ConfigError: A type is registered nowhere, its class does not know a key, or a value is
            NaN.
    """
    name = cfg.get('type')
    if isinstance(name, str):
        check_installed(cfg, path)
        if '.' in name or '_scope_' in cfg:
            return
        components = _registered(name)
        if not components:
            known = sorted({n for r in _registries() for n in r.module_dict})
            hint = nearest(name, known, "'ssdkd list components' names the known ones")
            raise ConfigError(f"{path}.type: unknown type '{name}'{hint}".lstrip('.'))
        if not any(inspect.isclass(c) for c in components):
            return
        _check_keys(cfg, components, path)
    for key, value in cfg.items():
        for i, part in enumerate(value if isinstance(value, list | tuple) else [value]):
            index = f'.{i}' if part is not value else ''
            where = f'{path}.{key}{index}'.lstrip('.')
            if isinstance(part, dict):
                check_config(part, where)
            elif isinstance(part, float) and math.isnan(part):
                raise ConfigError(f'{where}=nan is not a number')


def check_data(cfg: dict, *loaders: str) -> None:
    """Check that the files of mmseg's data sets are there, before anything is built.

    Args:
        cfg: A whole config.
        *loaders: Keys of the dataloaders that are going to be used.

    Raises:
        ConfigError: A folder or list is missing or empty.
    """
    for loader in loaders:
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        for key, path in missing_files(dataset):
            raise ConfigError(
                f"{loader}.dataset.{key}: '{path}' is missing or empty; get the data as "
                'docs/data.md describes, and set '
                f'{loader}.dataset.data_root to its folder'
                + (WITHOUT_VAL if loader == 'val_dataloader' else '')
            )


def _registries() -> list[Registry]:
    own = [r for r in vars(mmengine_registry).values() if isinstance(r, Registry)]
    for registry in ALL_REGISTRIES:
        registry.import_from_location()
    return [*ALL_REGISTRIES, *own]


def _registered(name: str) -> list:
    found = [r.module_dict.get(name) for r in _registries()]
    return [component for component in found if component is not None]


def _check_keys(cfg: dict, components: list, path: str) -> None:
    known = set()
    for component in components:
        names = argument_names(component)
        if names is None:
            return
        known.update(names)
    for key in cfg.keys() - OUTSIDE - known:
        raise ConfigError(
            f"{path}.{key}: {cfg['type']} has an unknown key '{key}'".lstrip('.')
            + nearest(key, sorted(known))
            + _inherited(cfg['type'], key)
        )


def _inherited(name: str, key: str) -> str:
    """What helps if the key was another type's, which a config has replaced."""
    owners = sorted(
        other
        for registry in _registries()
        if name in registry.module_dict
        for other, component in registry.module_dict.items()
        if inspect.isclass(component) and key in (argument_names(component) or ())
    )
    if not owners:
        return ''
    return (
        f' ({key} belongs to {owners[0]}; if the base config has that type, add _delete_=True '
        'beside the new type)'
    )
