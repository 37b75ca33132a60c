"""The runs of a benchmark: their results, and the processes that execute them."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ssdkd.atomic import write_whole
from ssdkd.benchmark.spec import Method
from ssdkd.errors import ConfigError
from ssdkd.interrupt import process_groups
from ssdkd.runs.files import read_summary
from ssdkd.runs.settings import changed_settings, plain_settings

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Cell:
    """One method with one seed, and the folder of its run."""

    method: Method
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        return f'{self.method.label}, seed {self.seed}'

    @property
    def summary(self) -> dict | None:
        """The summary of the run; None if it has not finished."""
        return None if self.failure else read_summary(self.folder)

    @property
    def failure(self) -> str | None:
        """Why it failed; None if it did not."""
        path = self.folder / 'failed.txt'
        return path.read_text() if path.is_file() else None

    @property
    def state(self) -> str:
        """``'failed'``, ``'finished'`` or ``'not run'``."""
        if self.failure:
            return 'failed'
        return 'finished' if self.summary else 'not run'


def mark_failed(folder: Path, message: str) -> None:
    """Note why the run in this folder has failed."""
    write_whole(folder / 'failed.txt', message)


def check_stored(cfg: Config, path: Path) -> None:
    """Compare a config with the one that an earlier call has written, if there is one.

    Hooks, logging and places of files may differ.

    Raises:
        ConfigError: The file is there with other settings.
    """
    if path.is_file():
        stored = plain_settings(Config.fromfile(path))
        applied, refused = changed_settings(stored, plain_settings(cfg), done=0)
        if changes := applied | refused:
            key, change = next(iter(changes.items()))
            raise ConfigError(
                f"'{path}' was written for the runs beside it, and this call would write "
                f"another one: the method's config or options have changed ({key}: {change}); "
                f"choose another folder for the benchmark or remove '{path.parent}'"
            )


def write_config(cfg: Config, path: Path) -> None:
    """Write a whole config, so that later changes of its bases do not affect the run.

    Raises:
        ConfigError: See :func:`check_stored`.
    """
    check_stored(cfg, path)
    write_whole(path, cfg.pretty_text)


class Trainer:
    """Starts tools/train.py, one process per run, and ends what it started when asked to.

    Args:
        script: tools/train.py.
        threads: Threads per run.
        lock: Descriptor that the processes keep open while they live; None for none.
    """

    def __init__(self, script: Path, threads: int, lock: int | None = None):
        self.script = script
        self.threads = threads
        self.lock = lock
        self.stopping = threading.Event()

    def command(self, config: Path, folder: Path, seed: int) -> list[str]:
        """The command line of a run."""
        parts = (self.script, config, '--work-dir', folder, '--seed', seed, '--resume')
        return [sys.executable, *map(str, parts)]

    def train(self, config: Path, folder: Path, seed: int) -> int | None:
        """Run to the end; the output goes to ``output.txt``.

        Returns:
            int | None: Exit status; None if the run was ended by :meth:`stop`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / 'output.txt', 'a') as output:
            process = subprocess.Popen(
                self.command(config, folder, seed),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {'OMP_NUM_THREADS': str(self.threads)},
                pass_fds=[] if self.lock is None else [self.lock],
                start_new_session=True,  # Ctrl-C reaches us alone, and we end it in order
            )
        process_groups.add(process.pid)
        try:
            while not self.stopping.is_set():
                try:
                    status = process.wait(POLL_SECONDS)
                    return None if self.stopping.is_set() else status
                except subprocess.TimeoutExpired:
                    continue
        finally:
            self._end(process)
            process_groups.discard(process.pid)
        return None

    def stop(self) -> None:
        """Let every :meth:`train` end its run."""
        self.stopping.set()

    @staticmethod
    def _end(process: subprocess.Popen) -> None:
        """End a process and its data loaders; they get ten seconds to go by themselves."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is not None:
                return
            os.killpg(process.pid, number)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                continue


def last_lines(path: Path, number: int = 5) -> str:
    """The end of a run's output, without empty lines."""
    text = path.read_text(errors='replace') if path.is_file() else ''
    lines = [line for line in text.splitlines() if line.strip()]
    return '\n'.join(lines[-number:]) or 'no output'


def why(status: int, output: Path) -> str:
    """A failed run in words, its last lines included."""
    ended = f'exit status {status}'
    if status < 0:
        ended = f'ended by {signal.Signals(-status).name}'
        if -status == signal.SIGKILL:
            ended += ' (out of memory?)'
    return f'{ended}\n{last_lines(output)}\n'


class TimeLeft:
    """Estimates the time that is left, from what the finished runs have taken.

    Args:
        runs: Their number.
        jobs: Runs at a time.
        minutes: Of each; None if unknown.
    """

    def __init__(self, runs: int, jobs: int, minutes: float | None):
        self.runs = runs
        self.jobs = jobs
        self.minutes = minutes
        self.start = time.monotonic()

    def after(self, done: int) -> float | None:
        """Minutes left after a number of runs; None if nothing is known yet."""
        if done:
            return (self.runs - done) * (time.monotonic() - self.start) / 60 / done
        return None if self.minutes is None else self.runs * self.minutes / self.jobs
