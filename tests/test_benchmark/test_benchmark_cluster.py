"""Runs as jobs, with submitit's executor for this machine in place of a cluster."""

import os
import pickle
import signal
import threading
import time
from pathlib import Path

import pytest

from ssdkd.errors import ConfigError

submitit = pytest.importorskip('submitit')

from ssdkd.benchmark.cluster import ClusterTrainer  # noqa: E402

SCRIPT = """\
import os, sys, time
from pathlib import Path
_, config, _, folder, _, seed, resume = sys.argv
print(f'{config} {seed} {resume} threads={os.environ["OMP_NUM_THREADS"]}', flush=True)
Path(folder, 'pid').write_text(str(os.getpid()))
if seed == '9':
    time.sleep(600)
sys.exit(int(seed))
"""


@pytest.fixture
def trainer(tmp_path):
    (tmp_path / 'train.py').write_text(SCRIPT)
    return ClusterTrainer(tmp_path / 'train.py', 3, tmp_path / 'jobs', dict(cluster='local'))


def is_alive(folder: Path) -> bool:
    return Path('/proc', (folder / 'pid').read_text()).exists()


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_status_and_output_come_back(trainer, tmp_path):
    folder = tmp_path / 'run'
    assert trainer.train(Path('my.py'), folder, 4) == 4
    assert (folder / 'output.txt').read_text() == 'my.py 4 --resume threads=3\n'
    assert not (folder / 'job.pkl').exists()


@pytest.mark.slow
def test_stop_ends_all_jobs(trainer, tmp_path):
    folders, results = [tmp_path / 'a', tmp_path / 'b'], []
    threads = [
        threading.Thread(target=lambda f=f: results.append(trainer.train(Path('c'), f, 9)))
        for f in folders
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: all((f / 'pid').exists() for f in folders))
    trainer.stop()
    for thread in threads:
        thread.join(60)
    assert results == [None, None]
    wait_for(lambda: not any(map(is_alive, folders)))


@pytest.mark.slow
def test_a_job_that_was_left_behind_is_waited_for(trainer, tmp_path, monkeypatch):
    folder = tmp_path / 'run'
    folder.mkdir()
    job = trainer._submit(Path('c'), folder, 9)
    wait_for((folder / 'pid').exists)
    assert pickle.loads((folder / 'job.pkl').read_bytes()).job_id == job.job_id
    submitted = []
    monkeypatch.setattr(trainer.executor, 'submit', submitted.append)
    threading.Timer(1.5, trainer.stop).start()
    assert trainer.train(Path('c'), folder, 9) is None
    assert not submitted
    wait_for(lambda: not is_alive(folder))


@pytest.mark.slow
def test_a_killed_job_is_a_failure_that_says_where_to_look(trainer, tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    job = trainer._submit(Path('c'), folder, 9)
    wait_for((folder / 'pid').exists)
    type(job)._results_timeout_s = 0
    job._process.kill()  # of the whole job, as a node that fails
    job._process.wait()
    os.kill(int((folder / 'pid').read_text()), signal.SIGKILL)
    assert trainer._status(job, folder / 'output.txt') == 1
    assert f'job {job.job_id} is INTERRUPTED; see ' in (folder / 'output.txt').read_text()


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(slurm_partitoin='gpu'), "--executor-options: Unknown argument 'partitoin'"),
        (dict(timeout_min='long'), '--executor-options: Parameter "timeout_min" expected'),
        (dict(cluster='cloud'), "doesn't know any executor named cloud"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        ClusterTrainer(Path('t'), 1, tmp_path, dict(cluster='local') | options)
