"""One run in one folder at a time."""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ssdkd.errors import ConfigError
from ssdkd.runs.launchers import VARIABLES


@contextmanager
def locked(work_dir: str | Path, launcher: str = 'none') -> Iterator[None]:
    """Keep a work directory to this process, and clear what a killed one left unfinished.

    The lock is the system's own on the file ``.lock``: it ends with the process, however that
    ends, and children do not inherit it. Of several processes of one run, the first one locks.

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
    try:
        Path(work_dir).mkdir(parents=True, exist_ok=True)
        file = open(Path(work_dir, '.lock'), 'a+')
    except OSError as error:
        raise ConfigError(
            f"'{work_dir}' cannot be written ({error.strerror}); choose another --work-dir"
        ) from error
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise ConfigError(
                f"'{work_dir}' is in use by another run ({file.read().strip()}); wait for it, "
                'stop it, or choose another --work-dir'
            ) from error
        except OSError as error:  # some network file systems have no locks
            print(f"'{work_dir}' cannot be locked ({error.strerror}); let no other run use it")
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
        file.flush()
        # What was being written when its process was killed (ssdkd/atomic.py).
        for leftover in Path(work_dir).glob('.*.tmp'):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)
        yield
