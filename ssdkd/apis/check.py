"""Checks of a config's types and keys, before anything is built from it."""

import inspect
import math
import warnings
from contextlib import suppress
from importlib import import_module

from mmengine import registry as mmengine_registry
from mmengine.evaluator import Evaluator
from mmengine.optim import OptimWrapper
from mmengine.registry import Registry
from mmengine.runner import LogProcessor, Runner, TestLoop, ValLoop
from mmengine.visualization import Visualizer
from torch.utils.data import DataLoader

from ssdkd.errors import ConfigError
from ssdkd.mmseg import check_installed, missing_files
from ssdkd.registry import ALL_REGISTRIES, argument_names, nearest

# Keys that mmengine takes out of a config before it builds from it.
OUTSIDE = {
    'type',
    '_scope_',
    'priority',
    'constructor',
    'paramwise_cfg',
    'convert_to_iter_based',
    'num_batch_per_epoch',
}
# What mmengine builds from parts of a config that may have no type, or never have one.
BUILT = {
    'train_dataloader': DataLoader,
    'val_dataloader': DataLoader,
    'test_dataloader': DataLoader,
    'val_cfg': ValLoop,
    'test_cfg': TestLoop,
    'val_evaluator': Evaluator,
    'test_evaluator': Evaluator,
    'visualizer': Visualizer,
    'log_processor': LogProcessor,
    'randomness': Runner.set_randomness,
    'optim_wrapper': OptimWrapper,
}
# Parts that mmengine reads key by key.
READ = {
    'env_cfg': ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    'env_cfg.mp_cfg': ('mp_start_method', 'opencv_num_threads'),
    'auto_scale_lr': ('enable', 'base_batch_size'),
}
# The hooks of every run, whose type may be left out or whose None removes one.
HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')

WITHOUT_VAL = (
    '. To train without evaluation: --cfg-options val_dataloader=None val_cfg=None '
    'val_evaluator=None'
)


def check_config(cfg: dict, path: str = '', scope: str = '') -> None:
    """Check every ``type`` below ``cfg``, and the keys beside it.

    mmengine finds such errors, too, but later and with less clear messages, or only when the
    component is used. Of other packages (``'mmseg.X'``, import paths) only keys are checked.

    Args:
        cfg: A config or a part of it.
        path: Key of that part, for the message.
        scope: Package whose components are meant, of a part inside one of its own.

    Raises:
        ConfigError: A type is registered nowhere, its class does not know a key, or a value is
            NaN.
    """
    name, scope = cfg.get('type'), cfg.get('_scope_', scope)
    if isinstance(name, str):
        check_installed(cfg, path)
        components = _foreign(name, scope) if '.' in name or scope else _registered(name)
        if not components and '.' not in name and not scope:
            known = sorted({n for r in _registries() for n in r.module_dict})
            hint = nearest(name, known, "'ssdkd list components' names the known ones")
            raise ConfigError(f"{path}.type: unknown type '{name}'{hint}".lstrip('.'))
        if components:
            _check_keys(cfg, components, path, name)
        if components and not any(inspect.isclass(c) for c in components):
            return
    for key, value in cfg.items():
        for i, part in enumerate(value if isinstance(value, list | tuple) else [value]):
            index = f'.{i}' if part is not value else ''
            where = f'{path}.{key}{index}'.lstrip('.')
            if isinstance(part, dict):
                check_config(part, where, scope)
            elif isinstance(part, float) and math.isnan(part):
                raise ConfigError(f'{where}=nan is not a number')


def check_sections(cfg: dict) -> None:
    """Check the keys of the parts of a whole config that need no ``type``.

    Raises:
        ConfigError: mmengine knows no such key.
    """
    for path, component in BUILT.items():
        part = cfg.get(path)
        if not isinstance(part, dict) or 'type' in part:
            continue
        if 'constructor' not in part:
            _check_keys(part, [component], path, path)
            continue
        for role, wrapper in part.items():
            if isinstance(wrapper, dict) and 'type' not in wrapper:
                _check_keys(wrapper, [component], f'{path}.{role}', path)
    for path, known in READ.items():
        part = cfg
        for key in path.split('.'):
            part = part.get(key) or {}
        for key in part.keys() - set(known):
            raise ConfigError(f"{path} has an unknown key '{key}'{nearest(key, known)}")
    for name, hook in (cfg.get('default_hooks') or {}).items():
        if name not in HOOKS and not (isinstance(hook, dict) and 'type' in hook):
            raise ConfigError(
                f'default_hooks.{name} is no hook of every run, and has no type'
                f'{nearest(name, HOOKS)}'
            )


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


def _foreign(name: str, scope: str) -> list:
    """The components of another package, such as mmseg, or of an import path, if they exist."""
    full = name if '.' in name else f'{scope}.{name}'
    with suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import_module(f'{full.partition(".")[0]}.registry')
    found = []
    for registry in (r for r in _registries() if r.parent is None):
        with suppress(Exception):  # whatever an import path raises; the build reports it
            found.append(registry.get(full))
    return [component for component in found if callable(component)]


def _check_keys(cfg: dict, components: list, path: str, name: str) -> None:
    known = set()
    for component in components:
        names = argument_names(component)
        if names is None:
            return
        known.update(names)
    for key in cfg.keys() - OUTSIDE - known:
        raise ConfigError(
            f"{path}.{key}: {name} has an unknown key '{key}'".lstrip('.')
            + nearest(key, sorted(known))
            + _inherited(name, key)
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
