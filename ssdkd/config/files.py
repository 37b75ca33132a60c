"""Reading of config files, with errors of one line."""

import os
from pathlib import Path

from mmengine.config import Config

from ssdkd.errors import ConfigError, nearest

# What reading a config raises that is not as mmengine or Python want it.
UNREADABLE = (ImportError, KeyError, NameError, OSError, SyntaxError, TypeError, ValueError)


def read_file(path: Path, name: str) -> Config:
    """The config in a file.

    Args:
        path (Path): The file.
        name (str): What a message calls it.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return Config.fromfile(path, import_custom_modules=False)
    except FileNotFoundError as error:  # a base, as a rule
        file = Path(os.path.normpath(error.filename or path))
        known = [other.name for other in file.parent.glob('*.py')]
        raise ConfigError(
            f"config '{name}': there is no file '{file}'"
            + nearest(file.name, known, 'mend its _base_')
        ) from error
    except UNREADABLE as error:
        raise ConfigError(f"config '{name}': {error}") from error
