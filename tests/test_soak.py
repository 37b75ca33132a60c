"""Two thousand rounds under faults: nothing is lost, and memory stays flat."""

import json
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from helpers import DIGITS, NO_VAL, ROOT, TINY, as_options, environment, save_teacher

ROUNDS = 2000
OPTIONS = (
    TINY
    | NO_VAL
    | {
        'train_cfg.max_rounds': ROUNDS,
        'train_cfg.warmup_rounds': 2,
        'default_hooks.checkpoint.interval': 10,
        'model.buffer.capacity': 40,
    }
)
FAULTS = ('kill', 'full disk', 'stop', 'clock jump', 'broken checkpoint')
# A clock that jumps by an hour, forwards or back, every ten times it is asked.
JUMPING_CLOCK = """
import itertools, time
_asked, _time = itertools.count(), time.time
time.time = lambda: _time() + 3600 * ((next(_asked) // 10) % 3 - 1)
"""


class Run:
    """One run of tools/train.py that is started again after every fault."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.work_dir = folder, folder / name
        (folder / 'clock').mkdir(exist_ok=True)
        (folder / 'clock/sitecustomize.py').write_text(JUMPING_CLOCK)

    def start(self, resume: str | None, limit: int | None = None, clock: bool = False):
        """Start or go on, perhaps where no file may be larger than ``limit`` bytes."""
        options = OPTIONS | {'model.teacher.checkpoint': self.folder / 'teacher.pth'}
        command = [sys.executable, 'tools/train.py', str(DIGITS), '--work-dir', self.work_dir]
        command += ['--resume'] if resume == 'auto' else ['--resume', resume] if resume else []
        env = environment()
        if clock:
            env['PYTHONPATH'] = f'{self.folder / "clock"}:{env.get("PYTHONPATH", "")}'
        return subprocess.Popen(
            [*map(str, command), '--cfg-options', *as_options(options)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit
            and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))),
        )

    @property
    def newest(self) -> int:
        rounds = [int(p.stem.split('_')[1]) for p in self.work_dir.glob('round_*.pth')]
        return max(rounds, default=0)

    def wait(self, process, rounds: int) -> bool:
        """Wait for this many more rounds -> whether the process still runs."""
        goal, deadline = self.newest + rounds, time.monotonic() + 300 + rounds
        while process.poll() is None and self.newest < goal:
            assert time.monotonic() < deadline, 'the run hangs'
            time.sleep(0.02)
        return process.poll() is None

    def student(self) -> dict[str, bytes]:
        state = torch.load(self.work_dir / 'student.pth')
        return {name: value.numpy().tobytes() for name, value in state.items()}


def memory(process) -> int:
    """Resident memory in KiB."""
    status = Path(f'/proc/{process.pid}/status').read_text()
    return int(re.search(r'VmRSS:\s+(\d+)', status)[1])


def kill(process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_two_thousand_rounds_under_faults(tmp_path, capsys):
    save_teacher(dict(type='CifarResNet', depth=8), tmp_path / 'teacher.pth', image_size=16)
    draw, tried, lost = random.Random(0), Counter(), Counter()

    straight = Run(tmp_path, 'straight')
    process = straight.start(None)
    assert straight.wait(process, 200)
    early = memory(process)
    assert straight.wait(process, ROUNDS - 300)
    late = memory(process)
    assert process.wait() == 0, process.stderr.read()[-2000:]

    run, resume, rest = Run(tmp_path, 'faults'), None, []
    while not (run.work_dir / 'student.pth').exists():
        rest = rest or draw.sample(FAULTS, len(FAULTS))
        fault = rest.pop()
        checkpoint = max(run.work_dir.glob('round_*.pth'), default=None)
        limit = checkpoint.stat().st_size // 2 if fault == 'full disk' and checkpoint else None
        before = run.newest
        process = run.start(resume, limit, clock=fault == 'clock jump')
        resume = 'auto'
        if not run.wait(process, draw.randrange(100, 200)):
            said = process.stderr.read()
            if process.returncode == 0:
                break
            assert limit, said[-2000:]
            assert 'error: cannot write' in said and 'File too large' in said, said[-2000:]
            assert 'Traceback' not in said, said[-2000:]
            tried[fault] += 1
            lost['checkpoints'] += run.newest < before
            continue
        tried[fault] += 1
        time.sleep(draw.uniform(0, 0.3))
        if fault == 'stop':
            process.send_signal(signal.SIGSTOP)
            time.sleep(1)
            process.send_signal(signal.SIGCONT)
            assert run.wait(process, 10) or process.returncode == 0
        before = run.newest
        kill(process)
        lost['checkpoints'] += run.newest < before
        if fault == 'broken checkpoint' and len(list(run.work_dir.glob('round_*.pth'))) > 1:
            path = run.work_dir / f'round_{run.newest}.pth'
            raw = bytearray(path.read_bytes())
            middle = slice(len(raw) // 2, len(raw) // 2 + 4096)
            raw[middle] = bytes(b ^ 0xFF for b in raw[middle])
            path.write_bytes(raw)
            process = run.start('auto')
            said = process.communicate()[1].strip()
            assert process.returncode == 2 and 'is damaged' in said, said[-2000:]
            resume = re.search(r'use --resume (\S+)$', said)[1]

    summary = json.loads((run.work_dir / 'summary.json').read_text())
    lost['rounds'] = ROUNDS - summary['rounds']
    lost['weights that differ'] = sum(
        value != straight.student()[name] for name, value in run.student().items()
    )
    lost['unfinished files'] = len(list(run.work_dir.glob('.*.tmp')))
    with capsys.disabled():
        print(f'\ntried: {dict(tried)}\nlost: {dict(lost)}')
        print(f'memory at round 200: {early} KiB, at round {ROUNDS - 100}: {late} KiB')
    assert set(tried) == set(FAULTS) and not any(lost.values())
    assert late < 1.05 * early
