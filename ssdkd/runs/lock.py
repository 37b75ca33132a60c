"""Lock of a work directory: one run at a time."""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ssdkd.errors import ConfigError
from ssdkd.runs.launchers import VARIABLES


@contextmanager
def locked(work_dir: str | Path, launcher: str = 'none') -> Iterator[None]:
    """Lock a work directory for this process, and remove unfinished files of a killed one.

    The lock is the system's own on the file ``.lock``: it ends with the process, however that
    ends, and children do not inherit it. The file stays only where the process is killed. Of
    several processes of one run, the first one locks.

    Args:
        work_dir: The folder; it is made if it does not exist.
        launcher: How the processes of this run were started.

    Raises:
        ConfigError: Another process uses the folder, or it cannot be written.
    """
    rank = 0 if launcher == 'none' else int(os.environ.get(VARIABLES[launcher][0], 0))
    if rank:
        yield
        return
    path = Path(work_dir, '.lock')
    file = _lock(path)
    with file:
        try:
            # What was being written when its process was killed (ssdkd/atomic.py).
            for leftover in path.parent.glob('.*.tmp'):
                if leftover.is_dir():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink(missing_ok=True)
            yield
        finally:
            # While it is locked: who has opened it before finds out, see _lock.
            path.unlink(missing_ok=True)


def _lock(path: Path) -> TextIO:
    """Open and lock the file, with this process's name in it."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, 'a+')
        except OSError as error:
            raise ConfigError(
                f"'{path.parent}' cannot be written ({error.strerror or error}); choose "
                'another --work-dir'
            ) from error
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            with file:
                file.seek(0)
                owner = file.read().strip()
            raise ConfigError(
                f"'{path.parent}' is in use by another run ({owner}); wait for it, "
                'stop it, or choose another --work-dir'
            ) from error
        except OSError as error:  # some network file systems have no locks
            print(
                f"'{path.parent}' cannot be locked ({error.strerror or error}); let no other "
                'run use it'
            )
        if _is_at(file, path):
            break
        file.close()  # the run that had it has ended in between, and removed it
    file.truncate(0)
    file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
    file.flush()
    return file


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
