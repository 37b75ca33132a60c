"""A run killed at any moment and resumed equals the run that was never stopped."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers import (
    DIGITS,
    ROOT,
    TINY,
    as_options,
    call_tool,
    environment,
    run_tool,
    save_teacher,
)

from ssdkd.engine import AtomicLocalBackend
from ssdkd.models.checkpoint import read_checkpoint

# Enough rounds that a kill falls into any phase of them; validation costs no time here.
OPTIONS = TINY | {
    'train_cfg.max_rounds': 9,
    'train_cfg.warmup_rounds': 2,
    'train_cfg.val_interval': 100,
    'train_cfg.val_begin': 100,
    'default_hooks.checkpoint.interval': 1,
    'custom_hooks.5.images': 20,  # pictures of the estimate, QualityHook
    'model.buffer.capacity': 40,
}  # overwritten from the third stored batch on


def command(folder: Path, work_dir: Path, *more: str) -> list[str]:
    options = OPTIONS | {'model.teacher.checkpoint': folder / 'teacher.pth'}
    return [
        str(DIGITS),
        '--work-dir',
        str(work_dir),
        *more,
        '--cfg-options',
        *as_options(options),
    ]


def digest(path: Path) -> dict[str, bytes]:
    return {k: v.numpy().tobytes() for k, v in torch.load(path).items()}


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    """The run that is never stopped."""
    folder = tmp_path_factory.mktemp('reference')
    save_teacher(dict(type='CifarResNet', depth=8), folder / 'teacher.pth', image_size=16)
    call_tool('train.py', *command(folder, folder / 'run'))
    return folder


def start_and_kill(folder: Path, work_dir: Path, seconds: float) -> None:
    """SIGKILL a run ``seconds`` after its first checkpoint."""
    process = subprocess.Popen(
        [sys.executable, 'tools/train.py', *command(folder, work_dir)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 90
        while not (work_dir / 'round_1.pth').exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(seconds)
        assert process.poll() is None, 'the run ended before it could be killed'
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    'attempt', [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))]
)
def test_killed_and_resumed(reference, tmp_path, attempt):
    delay = random.uniform(0, 0.4) + 0.2 * attempt
    start_and_kill(reference, tmp_path / 'run', delay)
    assert not (tmp_path / 'run/student.pth').exists(), f'killed too late: {delay}'
    for path in (tmp_path / 'run').glob('round_*.pth'):
        assert read_checkpoint(path)['distillation'], path  # each is whole
    done = run_tool('train.py', *command(reference, tmp_path / 'run', '--resume'))
    assert done.returncode == 0, done.stderr[-2000:]
    assert digest(tmp_path / 'run/student.pth') == digest(reference / 'run/student.pth'), delay


def test_resume_twice_with_garbage_around(reference, tmp_path):
    """From an older checkpoint, with the leavings of a killed writer beside it."""
    for _ in range(2):
        work_dir = tmp_path / 'run'
        shutil.rmtree(work_dir, ignore_errors=True)
        work_dir.mkdir()
        shutil.copy(reference / 'run/round_8.pth', work_dir)
        (work_dir / '.round_9.pth.4711.tmp').write_bytes(b'half a checkp')
        call_tool('train.py', *command(reference, work_dir, '--resume'))
        assert digest(work_dir / 'student.pth') == digest(reference / 'run/student.pth')


@pytest.mark.parametrize('lost', ['buffer', 'rng', 'average', 'generator'])
def test_check_sees_a_lost_part_of_the_state(reference, tmp_path, lost):
    checkpoint = read_checkpoint(reference / 'run/round_8.pth')
    (state,) = checkpoint['distillation']
    buffer = state['distiller']['buffer']
    if lost == 'buffer':
        buffer['columns']['priority'] = torch.ones_like(buffer['columns']['priority'])
    elif lost == 'rng':
        state['distiller']['rng'] = torch.Generator().manual_seed(0).get_state()
    elif lost == 'average':
        average = next(k for k in checkpoint['state_dict'] if k.endswith('bn.average'))
        checkpoint['state_dict'][average].zero_()
    else:
        checkpoint['optimizer']['generator']['state'].clear()  # Adam's moments
    (tmp_path / 'run').mkdir()
    torch.save(checkpoint, tmp_path / 'run/round_8.pth')
    call_tool('train.py', *command(reference, tmp_path / 'run', '--resume'))
    assert digest(tmp_path / 'run/student.pth') != digest(reference / 'run/student.pth')


def test_a_damaged_checkpoint_is_refused_and_an_intact_one_is_offered(
    reference, tmp_path, capfd
):
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    for n in (8, 9):
        shutil.copy(reference / f'run/round_{n}.pth', work_dir)
    raw = bytearray((work_dir / 'round_9.pth').read_bytes())
    middle = slice(len(raw) // 2, len(raw) // 2 + 4096)
    raw[middle] = bytes(b ^ 0xFF for b in raw[middle])
    (work_dir / 'round_9.pth').write_bytes(raw)
    with pytest.raises(SystemExit) as exit:
        call_tool('train.py', *command(reference, work_dir, '--resume'))
    assert exit.value.code == 2
    offered = f'--resume {work_dir / "round_8.pth"}'
    assert capfd.readouterr().err.strip().endswith(f'use {offered}')
    call_tool('train.py', *command(reference, work_dir, *offered.split()))
    assert digest(work_dir / 'student.pth') == digest(reference / 'run/student.pth')


def test_resume_of_a_finished_run(reference):
    before = digest(reference / 'run/student.pth')
    call_tool('train.py', *command(reference, reference / 'run', '--resume'))
    assert digest(reference / 'run/student.pth') == before


def kill_while(folder: Path, where: str) -> Path:
    """Overwrite a file in another process, which is killed in the middle of it."""
    path = folder / 'round_1.pth'
    AtomicLocalBackend().put(b'old', path)
    code = (
        'import os, signal, ssdkd\n'
        'from ssdkd.engine import AtomicLocalBackend\n'
        'kill = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n'
        f'{where} = kill\n'
        f'AtomicLocalBackend().put(b"new" * 100000, {str(path)!r})\n'
    )
    done = subprocess.run([sys.executable, '-c', code], env=environment())
    assert done.returncode == -signal.SIGKILL
    return path


@pytest.mark.parametrize('where', ['os.fsync', 'os.replace'])
def test_kill_between_write_and_replace_leaves_the_old_file(tmp_path, where):
    assert kill_while(tmp_path, where).read_bytes() == b'old'


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / 'round_1.pth'
    AtomicLocalBackend().put(b'old', path)

    def full(file):
        raise OSError('no space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='no space'):
        AtomicLocalBackend().put(b'new', path)
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]
