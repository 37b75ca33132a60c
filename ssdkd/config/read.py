"""Reading of config files."""

from mmengine.config import Config

from ssdkd.config.names import find_config
from ssdkd.errors import ConfigError

# What reading a config raises that is not as mmengine or Python want it.
UNREADABLE = (ImportError, KeyError, NameError, OSError, SyntaxError, TypeError, ValueError)


def read_config(name: str, options: dict | None = None) -> Config:
    """The whole config of a file, with ``--cfg-options``; nothing in it is checked.

    Args:
        name (str): A path, or the name of a shipped config.
        options (dict, optional): Dotted key to value.

    Raises:
        ConfigError: There is no such file, it cannot be read, or an option has no place.
    """
    path = find_config(name)
    try:
        cfg = Config.fromfile(path, import_custom_modules=False)
    except UNREADABLE as error:
        raise ConfigError(f"config '{name}': {error}") from error
    try:
        cfg.merge_from_dict(options or {})
    except (IndexError, KeyError, TypeError) as error:
        raise ConfigError(
            f'--cfg-options: {error}; the part of a key before its last dot must name a '
            'dict of the config'
        ) from error
    return cfg
