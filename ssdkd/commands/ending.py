"""The end of a command: one line instead of a traceback, and an exit status."""

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ssdkd.errors import ConfigError
from ssdkd.interrupt import Interrupted, end_children, signals_raise

# What a write fails with where there is no room: on the disk, in a quota, below a limit.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def command(main: Callable[..., None]) -> Callable[..., None]:
    """Let a command end with one line instead of a traceback.

    On a wrong config, a missing file or a full disk, with status 2; on Ctrl-C, with status 130;
    on SIGTERM, which Slurm and docker send, with status 143; silently, with status 141, when
    nobody reads its output any more.
    """

    @functools.wraps(main)
    def run(*args: Any) -> None:
        with signals_raise() as caught:
            try:
                main(*args)
                sys.stdout.flush()
            except BrokenPipeError:  # of `ssdkd list | head`, which has enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(128 + signal.SIGPIPE)
            except BaseException as error:
                if caught:  # whatever code has made of the signal's exception
                    known = isinstance(error, Interrupted)
                    _end_interrupted(error if known else Interrupted(caught[0]))
                line = _line(error)
                if line is None:
                    raise
                print(f'error: {line}', file=sys.stderr)
                sys.exit(2)

    return run


def _line(error: BaseException) -> str | None:
    """The line for an error that the user can fix; None for any other error."""
    if isinstance(error, OSError) and error.errno in FULL:
        where = f" '{error.filename}'" if error.filename else ''
        return (
            f'cannot write{where}: {error.strerror}; make room, and start again (a training '
            'with --resume)'
        )
    if not isinstance(error, ConfigError | FileNotFoundError):
        return None
    lines = str(error).strip().splitlines() or [repr(error)]
    if 'Original Traceback' in str(error):  # from a worker of a data loader
        lines = [lines[-1].removeprefix('ssdkd.errors.ConfigError: ')]
    return ' '.join(' '.join(lines).split())


def _end_interrupted(error: Interrupted) -> None:
    """Print the line in the first process of a run, and end."""
    torch = sys.modules.get('torch')  # a command that did without it has one process
    together = torch is not None and torch.distributed.is_initialized()
    if not together or torch.distributed.get_rank() == 0:
        print(error, file=sys.stderr, flush=True)
    end_children()
    if together:
        sys.stdout.flush()
        os._exit(128 + error.number)  # taking down the group may never end
    sys.exit(128 + error.number)
