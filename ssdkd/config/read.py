"""Reading of config files."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config

from ssdkd.config.compose import TABLES, compose
from ssdkd.config.files import read_file
from ssdkd.config.names import find_config, is_pair
from ssdkd.config.top_level import KEYS, check_names, check_options, warn_of_idle_names
from ssdkd.errors import ConfigError
from ssdkd.old_keys import rename_keys


def read_config(
    name: str,
    options: dict | None = None,
    method: str | None = None,
    budget: str | None = None,
) -> Config:
    """The whole config of a file or a pair, with ``--cfg-options``; nothing in it is checked.

    Args:
        name (str): A path, the name of a shipped config, or a pair.
        options (dict, optional): Dotted key to value.
        method (str, optional): Distils the pair by this method. Defaults to SSD-KD.
        budget (str, optional): Distils the pair within this budget. Defaults to the pair's own.

    Raises:
        ConfigError: There is no such file, it cannot be read, or an option has no place.
    """
    cfg = _read(name, method, budget)
    rename_keys(cfg)  # before the options, which go before the file under any name
    check_options(cfg, options or {})
    with placing_options():
        cfg.merge_from_dict(options or {})
    rename_keys(cfg)
    without_delete(cfg)
    return cfg


@contextmanager
def placing_options(source: str = '--cfg-options', whole: str = 'config') -> Iterator[None]:
    """Say in one line that an option which is merged inside has no place.

    Args:
        source (str): Where the options come from.
        whole (str): What they are merged into.

    Raises:
        ConfigError: mmengine's merge failed.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{source}: {error}; the part of a key before its last dot must name a dict of '
            f'the {whole}'
        ) from error


def without_delete(cfg: dict) -> None:
    """Remove each ``_delete_`` that had nothing to delete, such as in a file without a base.

    Args:
        cfg: A config after its last merge, changed in place.
    """
    cfg.pop('_delete_', None)
    for value in cfg.values():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, dict):
                without_delete(part)


def _read(name: str, method: str | None, budget: str | None) -> Config:
    if method or budget or is_pair(name):
        return compose(name, method, budget)
    cfg = read_file(find_config(name), name)
    for table in TABLES:  # of the method that it builds on, for compositions
        cfg.pop(table, None)
    check_names(cfg, KEYS, name)
    warn_of_idle_names(cfg, name)
    return cfg
