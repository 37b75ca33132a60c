"""Atomic writing: files are either complete or absent."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: str | Path, content: bytes | str) -> None:
    """Write a file under a temporary name, flush it to disk, then rename it.

    A process that is killed, or a disk that is full, leaves the old file or the new one,
    never a part of one. Missing folders are made. A link is followed, and what is no
    ordinary file, such as ``/dev/stdout``, is written as it is.

    Args:
        path (str | Path): The file.
        content (bytes | str): All of it; text is written as UTF-8.

    Raises:
        OSError: It cannot be written; ``filename`` is ``path``.
    """
    content = content.encode() if isinstance(content, str) else content
    if Path(path).exists() and not Path(path).is_file():
        Path(path).write_bytes(content)
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        # Some have only a text, others only a number.
        number, text = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(number, text, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder, renamed at the end, or removed on an error.

    Args:
        path (str | Path): Its place, absent or an empty folder.

    Yields:
        Path: The folder to write into, beside its place.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.is_dir():
            path.rmdir()
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
