"""Atomic output folder of the data-set converters."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ssdkd.errors import ConfigError


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to write into; it gets its name only if no error is raised inside.

    Until then it is ``<target>.partial``; one that a killed conversion has left is removed.

    Args:
        target (Path): A folder that is absent or empty.

    Raises:
        ConfigError: The target holds something, or cannot be written.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ConfigError(f"target: '{target}' is not empty; remove it, or give another folder")
    target = target.resolve()
    partial = target.with_name(target.name + '.partial')
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        yield partial
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise ConfigError(f"target: '{target}' could not be completed: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
