"""The runs of a benchmark as jobs of a cluster, through submitit."""

import os
import pickle
import signal
import subprocess
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError
from submitit.helpers import DelayedSubmission

from ssdkd.atomic import write_whole
from ssdkd.benchmark.cells import POLL_SECONDS, Trainer
from ssdkd.errors import ConfigError


class TrainingJob:
    """A run in a job; a call returns the exit status.

    Args:
        command (list[str]): Command line; it must continue from a checkpoint.
        output (Path): File to which the output is appended.
        threads (int): Threads, as ``OMP_NUM_THREADS``.
    """

    def __init__(self, command: list[str], output: Path, threads: int):
        self.command = command
        self.output = output
        self.threads = threads

    def __call__(self) -> int:
        with open(self.output, 'a') as output:
            process = subprocess.Popen(
                self.command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {'OMP_NUM_THREADS': str(self.threads)},
                start_new_session=True,
            )
        try:
            return process.wait()
        finally:  # the job is cancelled, or queued again
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def checkpoint(self) -> DelayedSubmission:
        """Where its time runs out, or it is preempted, the job is queued again."""
        return DelayedSubmission(self)


class ClusterTrainer(Trainer):
    """Submits tools/train.py, one job per run, and cancels its jobs on request.

    ``job.pkl`` in the folder of a run names its job while it is queued or running. A call after
    one that was killed finds it there and waits for that job, instead of submitting another.

    Args:
        script (Path): tools/train.py, on a file system that all nodes share.
        threads (int): Threads per run; also the ``cpus_per_task`` to ask for.
        folder (Path): Where submitit writes its own files, on such a file system, too.
        options (dict): Parameters of submitit's ``AutoExecutor``, such as ``timeout_min`` (by
            default a day), ``gpus_per_node`` or ``slurm_partition``. ``cluster`` is the kind:
            ``'slurm'``, or for trying out ``'local'`` and ``'debug'``; by default Slurm where
            there is one.

    Raises:
        ConfigError: submitit does not know an option.
    """

    def __init__(self, script: Path, threads: int, folder: Path, options: dict[str, Any]):
        super().__init__(script, threads)
        options = dict(timeout_min=24 * 60, cpus_per_task=threads, name='ssdkd') | options
        try:
            self.executor = submitit.AutoExecutor(folder, cluster=options.pop('cluster', None))
            self.executor.update_parameters(**options)
        except (NameError, ValueError, AssertionError) as error:
            raise ConfigError(f'--executor-options: {str(error).splitlines()[0]}') from error

    def train(self, config: Path, folder: Path, seed: int) -> int | None:
        """See :meth:`Trainer.train`; the time in the queue is waited for, too."""
        folder.mkdir(parents=True, exist_ok=True)
        job = self._unfinished(folder) or self._submit(config, folder, seed)
        while not self.stopping.is_set():
            if job.done():
                (folder / 'job.pkl').unlink()
                return self._status(job, folder / 'output.txt')
            self.stopping.wait(POLL_SECONDS)
        if not job.done():
            job.cancel(check=False)
        (folder / 'job.pkl').unlink()
        return None

    @staticmethod
    def _unfinished(folder: Path) -> submitit.Job | None:
        """The job that an earlier call has left behind, if it is not done."""
        path = folder / 'job.pkl'
        job = pickle.loads(path.read_bytes()) if path.is_file() else None
        return None if job is None or job.done() else job

    def _submit(self, config: Path, folder: Path, seed: int) -> submitit.Job:
        command = self.command(config, folder, seed)
        work = TrainingJob(command, folder / 'output.txt', self.threads)
        try:
            job = self.executor.submit(work)
        except FailedJobError as error:
            raise ConfigError(f'--executor-options: the cluster refuses: {error}') from error
        write_whole(folder / 'job.pkl', pickle.dumps(job))
        return job

    @staticmethod
    def _status(job: submitit.Job, output: Path) -> int:
        error = job.exception()
        if error is None:
            return job.result()
        with open(output, 'a') as file:  # a job that was killed has said nothing there
            file.write(f'job {job.job_id} is {job.state}; see {job.paths.stderr}\n')
        return 1
