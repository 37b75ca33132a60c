"""Ctrl-C and SIGTERM end a command with one line, and leave no process behind.

Nothing heavy is imported here: this works while torch is still being imported.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ssdkd.paths import PACKAGE, TOOLS

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Who ends a process and its group (timeout, launchers) sends it two signals within so many
# seconds, which are one.
TOGETHER = 0.5
_signal = (0, -TOGETHER)  # the last one that asked this process to end, and when
# Of processes with children of their own, in sessions that Ctrl-C does not reach.
process_groups: set[int] = set()


class Interrupted(KeyboardInterrupt):
    """Raised when a signal asks the process to end.

    Args:
        number (int): The signal.
        hint (str): What to do now, for the line on it.
    """

    def __init__(self, number: int, hint: str = ''):
        super().__init__('; '.join(filter(None, (said(number), hint))))
        self.number = number


def said(number: int) -> str:
    """The line for a signal."""
    name = signal.Signals(number).name
    return 'interrupted' if number == signal.SIGINT else f'ended by {name}'


def guard_start() -> None:
    """Make a signal during the imports of a command end the process at once."""
    script = getattr(sys.modules['__main__'], '__file__', None)
    if script is None:
        return
    path = Path(script).resolve()
    if path.stem == 'ssdkd' or path.parent == PACKAGE or path.is_relative_to(TOOLS):
        for number in SIGNALS:
            signal.signal(number, end_at_once)


def end_at_once(number: int, frame: object = None) -> None:
    """A signal handler that ends the child processes and then this one."""
    if time.monotonic() - _signal[1] < TOGETHER:
        return
    for child in multiprocessing.active_children():
        child.kill()
    for group in process_groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    os.write(2, f'{said(number)}\n'.encode())
    os._exit(128 + number)


@contextmanager
def signals_raise() -> Iterator[list[int]]:
    """Make the first signal raise :class:`Interrupted` inside, and a second one end at once.

    Children that are forked inside, such as the workers of a data loader, leave Ctrl-C to this
    process, which ends them.

    Yields:
        list[int]: The signal, once there is one. Code that turns every exception into another
        one cannot hide it so.
    """
    caught, owner = [], os.getpid()

    def handle(number: int, frame: object) -> None:
        global _signal
        if os.getpid() != owner:
            if number == signal.SIGTERM:
                os._exit(128 + number)
        elif not caught:
            caught.append(number)
            _signal = (number, time.monotonic())
            raise Interrupted(number)
        else:
            end_at_once(number)

    before = [signal.signal(number, handle) for number in SIGNALS]
    try:
        yield caught
    finally:
        for number, handler in zip(SIGNALS, before):
            signal.signal(number, handler)


@contextmanager
def hinting(hint: Callable[[], str]) -> Iterator[None]:
    """Add a hint to the line on a signal, even if a library has hidden the signal.

    Args:
        hint: Called after a signal, for the text.
    """
    before = _signal
    try:
        yield
    except BaseException as error:
        if _signal == before:
            raise
        raise Interrupted(_signal[0], hint()) from error


def end_children(seconds: float = 2) -> None:
    """End the processes of multiprocessing; those that do not end in time are killed."""
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join(seconds)
        child.kill()
