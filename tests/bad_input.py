"""What the tests of mistakes share: a tiny run, and the one line that it must end with."""

from pathlib import Path

import pytest
from helpers import DIGITS, TINY, as_options, call_tool


def arguments(folder: Path, options: dict, config=DIGITS) -> list[str]:
    options = TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'} | options
    return [
        str(config),
        '--work-dir',
        str(folder / 'run'),
        '--cfg-options',
        *as_options(options),
    ]


def error_of(capfd, *args, tool: str = 'train.py') -> str:
    """The last line on stderr of a command that must fail."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit:
        call_tool(tool, *args)
    assert exit.value.code == 2
    stderr = capfd.readouterr().err
    assert 'Traceback' not in stderr, stderr
    last = stderr.strip().splitlines()[-1]
    assert last.startswith('error: ')
    return last
