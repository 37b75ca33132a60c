"""Commands in processes of their own, which are asked to end by a signal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpers import ROOT, environment


class Job:
    """A process and all that it starts, found by a variable in their environment.

    Args:
        *line: The command line.
        folder (Path): Where its output goes.
    """

    def __init__(self, *line, folder: Path):
        self.folder = folder
        self.name = f'SSDKD_TEST_JOB={folder}'.encode()
        env = environment() | dict(SSDKD_TEST_JOB=str(folder), SSDKD_TEST_MARK=str(self.mark))
        with open(folder / 'stdout', 'w') as out, open(folder / 'stderr', 'w') as err:
            self.process = subprocess.Popen(
                list(map(str, line)), cwd=ROOT, env=env, stdout=out, stderr=err,
                start_new_session=True)  # fmt: skip

    @property
    def mark(self) -> Path:
        """A file for the command to make, to show how far it is."""
        return self.folder / 'mark'

    @property
    def stderr(self) -> str:
        return (self.folder / 'stderr').read_text()

    def wait_for(self, there: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not there():
            assert self.process.poll() is None, self.stderr[-3000:]
            assert time.monotonic() < deadline, self.stderr[-3000:]
            time.sleep(0.01)

    def end(self, number: int, seconds: float = 60) -> tuple[int, list[str]]:
        """Signal it as Ctrl-C (the whole group) or Slurm do -> status, lines on stderr."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        status = self.process.wait(seconds)
        return status, self.stderr.strip().splitlines()

    def left(self) -> list[int]:
        """Processes of this job that live, after a moment to go."""
        deadline = time.monotonic() + 3
        while (found := self._living()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _living(self) -> list[int]:
        found = []
        for path in Path('/proc').glob('[0-9]*/environ'):
            try:
                if self.name in path.read_bytes().split(b'\0'):
                    found.append(int(path.parent.name))
            except (OSError, ValueError):  # it has gone, or is another user's
                continue
        return found

    def __enter__(self) -> 'Job':
        return self

    def __exit__(self, *error) -> None:
        for pid in self._living():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def tool(script: str, *args, folder: Path) -> Job:
    """``tools/<script>`` as a job."""
    return Job(sys.executable, f'tools/{script}', *args, folder=folder)
