"""A second run in the folder of a running one is refused, however it is started."""

import subprocess
import sys

import pytest
from helpers import DIGITS, NO_VAL, ROOT, TINY, as_options, call_tool, environment, save_teacher


def test_two_runs_in_one_folder(tmp_path, capfd):
    save_teacher(dict(type='CifarResNet', depth=8), tmp_path / 'teacher.pth', image_size=16)
    options = TINY | NO_VAL | {'model.teacher.checkpoint': tmp_path / 'teacher.pth'}
    options |= {'train_cfg.max_rounds': 10_000, 'default_hooks.checkpoint.interval': 9_999}
    args = [DIGITS, '--work-dir', tmp_path / 'run']
    more = ['--cfg-options', *as_options(options)]
    first = subprocess.Popen(
        [sys.executable, 'tools/train.py', *map(str, [*args, *more])],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        next(line for line in first.stdout if 'Distillation' in line)
        assert not list((tmp_path / 'run').glob('round_*.pth'))
        for resume in ([], ['--resume']):
            with pytest.raises(SystemExit) as exit:
                call_tool('train.py', *args, *resume, *more)
            assert exit.value.code == 2
            said = capfd.readouterr().err
            assert f'is in use by another run (process {first.pid} on' in said
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
    options['train_cfg.max_rounds'] = 2
    call_tool('train.py', *args, '--cfg-options', *as_options(options))
    assert (tmp_path / 'run/student.pth').exists()
