"""Config files, with one line for what is wrong with them."""

from pathlib import Path

from mmengine.config import Config

from ssdkd.errors import ConfigError

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
    except UNREADABLE as error:
        raise ConfigError(f"config '{name}': {error}") from error
