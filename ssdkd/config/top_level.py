"""Names at the top level of a config: the keys that a run reads, and variables of the file.

A config is a Python file, so that any name may be a variable of it. A key that is misspelt is
one, too, and nothing reads it. docs/configs.md states the rule by which they are told apart.
"""

import ast
import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmengine.config import Config

from ssdkd.errors import ConfigError

# What mmengine's Runner reads, and what we do.
KEYS = (
    'model',
    'work_dir',
    'train_dataloader',
    'val_dataloader',
    'test_dataloader',
    'train_cfg',
    'val_cfg',
    'test_cfg',
    'auto_scale_lr',
    'optim_wrapper',
    'param_scheduler',
    'val_evaluator',
    'test_evaluator',
    'default_hooks',
    'custom_hooks',
    'data_preprocessor',
    'load_from',
    'resume',
    'launcher',
    'env_cfg',
    'log_processor',
    'log_level',
    'visualizer',
    'default_scope',
    'randomness',
    'experiment_name',
    'model_wrapper_cfg',
    'sync_bn',
    'find_unused_parameters',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
    'compile',
    'custom_imports',
)
SIMILAR = 0.8  # of difflib's ratio: 'trian_cfg' and 'train_cfg' have 0.89


def check_options(cfg: Config, options: Mapping) -> None:
    """Check that each ``--cfg-options`` changes something that a run reads.

    A variable of the file may be changed, as a plugin may read it, with a warning.

    Args:
        cfg: The config before the options.
        options: Dotted key to value.

    Raises:
        ConfigError: The config has no such name, and no run reads it.
    """
    for key in options:
        name = key.split('.')[0]
        if name in KEYS:
            continue
        if name not in cfg:
            known = [*KEYS, *_variables(cfg, KEYS)]
            hint = likely_meant(name, cfg, known, 'ssdkd show prints all')
            raise ConfigError(f"--cfg-options {key}: the config has no key '{name}'; {hint}")
        places = ' or '.join(_deeper_keys(cfg).get(name, ())[:3])
        _warn(
            f"--cfg-options {key}: '{name}' is a variable of the config file; what was "
            'computed from it stays as it is' + f'; change {places}' * bool(places)
        )


def likely_meant(name: str, cfg: Config, known: Iterable[str], otherwise: str) -> str:
    """The end of a message: what a name that means nothing at the top level was meant for.

    Args:
        name: As it was given.
        cfg: The config, at whose deeper keys we look, too.
        known: What else it may have been meant for.
        otherwise: What to say if nothing is similar.
    """
    words = {word: word for word in known}
    words |= {word: ' or '.join(places[:3]) for word, places in _deeper_keys(cfg).items()}
    similar = difflib.get_close_matches(name, words, n=1)
    return f'did you mean {words[similar[0]]}?' if similar else otherwise


def check_names(cfg: Config, known: Iterable[str], name: str) -> None:
    """Check that no name of a file is a misspelt key.

    Args:
        cfg: The file with its bases, as mmengine reads it.
        known: The names that mean something there.
        name: What a message calls the file.

    Raises:
        ConfigError: A name is similar to a known one, and no file uses it as a variable.
    """
    known = list(known)
    for key in _variables(cfg, known):
        similar = difflib.get_close_matches(key, known, n=1, cutoff=SIMILAR)
        if similar and not _is_used(key, cfg.text):
            raise ConfigError(
                f"config '{name}': nothing reads '{key}'; did you mean {similar[0]}? A "
                "variable that has to have this name can begin with '_'"
            )


def warn_of_idle_names(cfg: Config, name: str) -> None:
    """Warn of each variable by which a file means to change what its base has computed."""
    path = Path(cfg.filename or '')
    if path.suffix != '.py' or not path.is_file():
        return
    tree = ast.parse(path.read_text())
    loads = (ast.unparse(node) for node in ast.walk(tree) if _is_read(node))
    read = {text.removeprefix('_base_.') for text in loads}
    for key in _variables(cfg, KEYS):
        here = any(_assigns(node, key) for node in tree.body)
        if here and key not in read and len(re.findall(rf'^{key}\s*=', cfg.text, re.M)) > 1:
            _warn(
                f"config '{name}': '{key}' is a variable of its base; what was computed from "
                'it there stays as it is, so set those keys'
            )


def _variables(cfg: Config, known: Iterable[str]) -> list[str]:
    return [key for key in cfg if key not in known and not key.startswith('_')]


def _is_used(name: str, text: str) -> bool:
    """Whether a name stands anywhere but where it gets its value."""
    everywhere = len(re.findall(rf'\b{re.escape(name)}\b', text))
    return everywhere > len(re.findall(rf'^{re.escape(name)}\s*=', text, re.M))


def _is_read(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets)


def _deeper_keys(cfg: Config) -> dict[str, list[str]]:
    """Last part -> dotted keys, of all keys below those that a run reads."""
    found: dict[str, list[str]] = {}
    parts = [(key, cfg[key]) for key in KEYS if isinstance(cfg.get(key), dict)]
    for path, part in parts:  # which grows
        for key, value in part.items():
            found.setdefault(key, []).append(f'{path}.{key}')
            if isinstance(value, dict):
                parts.append((f'{path}.{key}', value))
    return found


def _warn(text: str) -> None:
    print(f'warning: {text}', file=sys.stderr)
