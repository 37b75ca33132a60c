"""The scripts that start several processes: what they call, and that it trains."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers import DIGITS, ROOT, TINY, as_options, environment, save_teacher
from processes import free_port

from ssdkd.engine.distributed import join_processes
from ssdkd.errors import ConfigError
from ssdkd.models.checkpoint import read_checkpoint


@pytest.fixture
def commands(tmp_path):
    """An environment in which ``python`` and ``srun`` print their arguments, a line each."""
    for name in ('python', 'srun'):
        path = tmp_path / 'bin' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho {name}\nprintf "%s\\n" "$@"\n')
        path.chmod(0o755)
    return dict(environment(), PATH=f'{tmp_path}/bin:{os.environ["PATH"]}')


def call(script: str, *args: str, env: dict) -> subprocess.CompletedProcess:
    return subprocess.run(
        ['bash', f'tools/{script}', *args], cwd=ROOT, env=env, capture_output=True, text=True
    )


def test_dist_train_on_one_machine(commands):
    done = call('dist_train.sh', 'my.py', '8', '--work-dir', 'with space', env=commands)
    assert done.stdout.splitlines() == [
        'python', '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=8',
        'tools/train.py', 'my.py', '--launcher', 'pytorch', '--work-dir', 'with space',
    ]  # fmt: skip


def test_dist_train_on_two_nodes(commands):
    commands |= dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='node0', PORT='29600')
    done = call('dist_train.sh', 'my.py', '8', env=commands)
    assert done.stdout.splitlines() == [
        'python', '-m', 'torch.distributed.run', '--nnodes=2', '--node_rank=1',
        '--master_addr=node0', '--master_port=29600', '--nproc_per_node=8',
        'tools/train.py', 'my.py', '--launcher', 'pytorch',
    ]  # fmt: skip
    del commands['MASTER_ADDR']
    done = call('dist_train.sh', 'my.py', '8', env=commands)
    assert done.returncode and 'MASTER_ADDR: set it to the address of node 0' in done.stderr


def test_slurm_train(commands):
    commands |= dict(GPUS='16', CPUS_PER_TASK='6', SRUN_ARGS='--time=60 --mem=0')
    done = call('slurm_train.sh', 'gpu', 'try', 'my.py', '--seed', '1', env=commands)
    assert done.stdout.splitlines() == [
        'srun', '--partition=gpu', '--job-name=try', '--ntasks=16', '--ntasks-per-node=8',
        '--gres=gpu:8', '--cpus-per-task=6', '--kill-on-bad-exit=1', '--time=60', '--mem=0',
        'python', '-u', 'tools/train.py', 'my.py', '--launcher', 'slurm', '--seed', '1',
    ]  # fmt: skip
    commands |= dict(GPUS='2', GPUS_PER_NODE='0', SRUN_ARGS='')
    asked = call('slurm_train.sh', 'cpu', 'try', 'my.py', env=commands).stdout.splitlines()
    assert asked[:5] == [
        'srun', '--partition=cpu', '--job-name=try', '--ntasks=2', '--cpus-per-task=6'
    ]  # fmt: skip


@pytest.mark.parametrize('script', ['dist_train.sh', 'slurm_train.sh'])
def test_too_few_arguments_print_the_usage(commands, script):
    done = call(script, 'my.py', env=commands)
    assert done.returncode == 2 and done.stderr.startswith('usage: ') and not done.stdout


@pytest.fixture
def joined(monkeypatch):
    """What join_processes would start, and the environment that it leaves."""
    calls = []
    monkeypatch.setattr(torch.distributed, 'init_process_group', calls.append)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)  # so that it is restored afterwards
    return calls


def test_slurm_without_a_gpu(joined, monkeypatch, tmp_path):
    (tmp_path / 'scontrol').write_text('#!/bin/sh\necho "$@" >&2\necho node7\necho node8\n')
    (tmp_path / 'scontrol').chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
    for name, value in dict(PROCID=3, NTASKS=4, LOCALID=1, NODELIST='node[7-8]').items():
        monkeypatch.setenv(f'SLURM_{name}', str(value))
    join_processes('slurm')
    assert joined == ['gloo']
    names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
    assert [os.environ[n] for n in names] == ['3', '4', '1', 'node7', '29500']


def test_mpi_without_a_gpu(joined, monkeypatch):
    for name, value in dict(RANK=1, SIZE=2, LOCAL_RANK=0).items():
        monkeypatch.setenv(f'OMPI_COMM_WORLD_{name}', str(value))
    monkeypatch.setenv('MASTER_ADDR', 'node3')
    join_processes('mpi')
    assert joined == ['gloo']
    assert [os.environ[n] for n in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')] == ['1', '2', '0']


def test_a_launcher_that_was_not_used(joined, monkeypatch):
    monkeypatch.delenv('SLURM_PROCID', raising=False)
    with pytest.raises(ConfigError, match='--launcher slurm: .* no SLURM_PROCID; start with'):
        join_processes('slurm')
    assert not joined


def test_more_processes_than_cuda_devices(joined, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    join_processes('pytorch')
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    with pytest.raises(ConfigError, match='4 processes on a host with 2 CUDA devices.*start 2'):
        join_processes('pytorch')
    assert not joined


def arguments(folder: Path, options: dict) -> list[str]:
    options = TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'} | options
    save_teacher(dict(type='CifarResNet', depth=8), folder / 'teacher.pth', image_size=16)
    work_dir = str(folder / 'run')
    return [str(DIGITS), '--work-dir', work_dir, '--cfg-options', *as_options(options)]


def real_python(folder: Path) -> dict:
    """An environment in which ``python`` is this one."""
    (folder / 'bin').mkdir()
    (folder / 'bin/python').symlink_to(sys.executable)
    path = f'{folder}/bin:{Path(sys.executable).parent}:{os.environ["PATH"]}'
    return dict(environment(), PATH=path, PYTHONPATH=str(ROOT))


SRUN = """\
#!/bin/bash
# Starts the tasks of one node, as srun does.
while [[ "$1" == --* ]]; do
    case "$1" in --ntasks=*) tasks=${1#*=} ;; esac
    shift
done
export SLURM_NTASKS=$tasks SLURM_NODELIST=localhost
for ((i = 0; i < tasks; i++)); do
    SLURM_PROCID=$i SLURM_LOCALID=$i "$@" &
    ids+=($!)
done
for id in "${ids[@]}"; do wait "$id" || exit; done
"""


@pytest.mark.slow
def test_slurm_train_trains(tmp_path):
    env = real_python(tmp_path)
    for name, text in dict(srun=SRUN, scontrol='#!/bin/sh\necho localhost\n').items():
        (tmp_path / 'bin' / name).write_text(text)
        (tmp_path / 'bin' / name).chmod(0o755)
    env |= dict(GPUS='2', GPUS_PER_NODE='0', MASTER_PORT=str(free_port()))
    config, *more = arguments(tmp_path, {'train_cfg.max_rounds': 2})
    done = call('slurm_train.sh', 'cpu', 'try', config, *more, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    saved = read_checkpoint(tmp_path / 'run/round_2.pth')
    assert len(saved['distillation']) == 2
    assert (tmp_path / 'run/student.pth').is_file()


@pytest.mark.slow
def test_a_killed_process_ends_the_job(tmp_path):
    env = real_python(tmp_path)
    config, *more = arguments(tmp_path, {'train_cfg.max_rounds': 100_000})
    job = subprocess.Popen(
        ['bash', 'tools/dist_train.sh', config, '2', *more], cwd=ROOT, env=env,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        deadline = time.monotonic() + 200
        while not (tmp_path / 'run/round_3.pth').exists():
            assert job.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        children = Path(f'/proc/{job.pid}/task/{job.pid}/children').read_text().split()
        workers = [pid for pid in map(int, children) if 'train.py' in command_of(pid)]
        assert len(workers) == 2
        os.kill(workers[1], signal.SIGKILL)
        _, said = job.communicate(timeout=60)
    finally:
        job.kill()
    assert job.returncode == 1 and 'exitcode  : -9' in said, said[-3000:]
    assert not any(Path(f'/proc/{pid}').exists() for pid in workers)
    assert not (tmp_path / 'run/student.pth').exists()


def command_of(pid: int) -> str:
    return Path(f'/proc/{pid}/cmdline').read_bytes().decode().replace('\0', ' ')
