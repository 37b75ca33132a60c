"""Settings of a run, and which of them may change on resume."""

import json
import re
from collections.abc import Mapping

from mmengine.config import Config

from ssdkd.old_keys import rename_keys, without_old_keys

# Everything else of a config says where things are, or what is looked at.
COMPARED = (
    'model',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'randomness',
    'val_dataloader',
    'val_evaluator',
)
# Names of files and devices may change with the machine; weights are compared themselves.
PLACES = re.compile(
    r'model\.(teacher|student)\.(checkpoint|model\.(file|pretrained|weights))'
    r'|model\.buffer\.(device|max_gib|pinned)|model\.cuda_graphs'
    r'|.*\.(root|data_root|num_workers|persistent_workers|pin_memory)'
    r'|train_cfg\.val_(interval|points|begin)|randomness\.deterministic'
)
# What the weights, the samples and the random states in a checkpoint depend on.
FIXED = re.compile(
    r'model\.type|model\.(teacher|student|task|reuse)(\..*)?'
    r'|model\.buffer\.(type|capacity)|model\.sampler\.type'
    r'|model\.synthesizer\.(type|image_size|generator(\..*)?)'
    r'|train_dataloader(\..*)?|train_cfg\.type|randomness\..*'
    r'|optim_wrapper\.(constructor|type|optimizer\.type|(\w+\.)?(type|optimizer\.type))'
    r'|optim_wrapper\.(.*\.)?paramwise_cfg(\..*)?'
)
# Names of before, in the settings of older runs.
RENAMED_TYPES = {'SSDKD': 'ReplayDistiller'}
# What an optimizer and its schedule are made from.
SCHEDULED = re.compile(r'(optim_wrapper|param_scheduler)\..*|train_cfg\.\w+')
ABSENT = '(not set)'


def plain_settings(cfg: Mapping) -> dict:
    """The settings of a config that a resumed run is compared by, as plain data."""
    settings = {key: cfg[key] for key in COMPARED if cfg.get(key) is not None}
    return json.loads(json.dumps(settings, default=str))


def changed_settings(
    stored: dict, asked: dict, done: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Compare the settings of a run's start with those of its resumption.

    Args:
        stored: :func:`plain_settings` of the run's start.
        asked: The same of now.
        done: Rounds (epochs) that are done.

    Returns:
        tuple: the changes that can be applied and those that cannot, each as a dict from the
        config key to "old -> new".
    """
    old, new = _renewed(stored), _renewed(asked)
    changes = {
        key: f'{old.get(key, ABSENT)} -> {new.get(key, ABSENT)}'
        for key in sorted(old.keys() | new.keys())
        if old.get(key, ABSENT) != new.get(key, ABSENT) and not PLACES.fullmatch(key)
    }
    refused = {
        key: change
        for key, change in changes.items()
        if FIXED.fullmatch(key) or _is_past(key, old, new, done)
    }
    return {key: change for key, change in changes.items() if key not in refused}, refused


def changes_schedule(changes: dict[str, str]) -> bool:
    """Whether any of these changes concerns an optimizer or its schedule."""
    return any(SCHEDULED.fullmatch(key) for key in changes)


def changes_evaluation(changes: dict[str, str]) -> bool:
    """Whether scores from before these changes cannot be compared with scores after them."""
    return any(key.startswith(('val_dataloader.dataset', 'val_evaluator')) for key in changes)


def _is_past(key: str, old: dict, new: dict, done: int) -> bool:
    """Whether the finished rounds already depend on this setting."""
    if key in ('train_cfg.max_rounds', 'train_cfg.max_epochs'):
        return new[key] < done
    if key in ('train_cfg.minutes', 'train_cfg.plan') and None in (old.get(key), new.get(key)):
        return True  # from rounds to the clock, or back
    return key == 'train_cfg.warmup_rounds' and min(old.get(key, 0), new.get(key, 0)) < done


def _renewed(settings: dict) -> dict[str, object]:
    """Every value by its key, with the current names."""
    cfg = Config(settings)
    rename_keys(cfg)
    flat = _flat(without_old_keys(cfg.to_dict()))
    if flat.get('model.type') in RENAMED_TYPES:
        flat['model.type'] = RENAMED_TYPES[flat['model.type']]
    return flat


def _flat(value: object, path: str = '') -> dict[str, object]:
    """Every value below, by its key with dots."""
    if isinstance(value, dict) and value:
        parts = value.items()
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        parts = enumerate(value)
    else:
        return {path: value}
    return {
        key: leaf
        for name, part in parts
        for key, leaf in _flat(part, f'{path}.{name}'.lstrip('.')).items()
    }
