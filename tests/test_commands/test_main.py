"""The command line itself: what it knows, how fast it answers, what a tab completes."""

import errno
import os
import subprocess
import sys
import time

import pytest
from helpers import ROOT, environment

from ssdkd.commands.ending import command
from ssdkd.commands.export import FORMATS
from ssdkd.commands.main import COMMANDS, command_parser, full_parser
from ssdkd.export.student import SUFFIXES

TOOLS = sorted(path for path in (ROOT / 'tools').rglob('*.py') if 'benchmark_' not in path.name)


def ssdkd(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, '-m', 'ssdkd', *args]
    env = environment()
    return subprocess.run(command, cwd='/', env=env, capture_output=True, text=True)


def test_help_names_every_command():
    done = ssdkd('--help')
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert set(COMMANDS) <= {line[0] for line in lines if line}


@pytest.mark.parametrize('line', ['--help', 'train --help', 'benchmark --help'])
def test_help_imports_nothing_heavy(line):
    """It takes a tenth of a second then; a shared machine does not keep time well enough."""
    code = (
        'import sys, ssdkd.commands.main as m\n'
        f"sys.argv = ['ssdkd', *{line.split()}]\n"
        'try:\n    m.main()\nexcept SystemExit:\n    pass\n'
        "print([n for n in ('torch', 'mmengine', 'numpy', 'yaml') if n in sys.modules])"
    )
    start = time.process_time()
    done = subprocess.run(
        [sys.executable, '-c', code],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == '[]', done.stderr
    assert time.process_time() - start < 1


@pytest.mark.parametrize('args', [(), ('trian',), ('train',), ('train', 'a', '--no-such')])
def test_wrong_lines_end_with_status_2(args, tmp_path):
    done = ssdkd(*args)
    assert done.returncode == 2 and 'usage: ssdkd' in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_mistake_is_one_line():
    done = ssdkd('train', 'nowhere.py')
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: there is no config 'nowhere.py'; 'ssdkd list configs' names the shipped ones"
    ]


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_script_of_tools_is_a_command(path):
    assert len(path.read_text().splitlines()) < 10
    done = subprocess.run(
        [sys.executable, path, '--help'],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.startswith(f'usage: {path.name}')


@pytest.mark.parametrize('name', COMMANDS)
def test_options_may_be_abbreviated_as_before(name):
    """As long as the beginning is unique, which argparse sees to."""
    parser = command_parser(name)
    assert parser.allow_abbrev
    assert all(action.help for action in parser._actions)


def test_config_options_are_a_dict():
    args = full_parser().parse_args(
        ['train', 'a.py', '--cfg', 'x.y=1', 'z=[a,b]', '--res', '--cfg-options', 'w=None']
    )
    assert args.cfg_options == {'x.y': 1, 'z': ['a', 'b'], 'w': None}
    assert args.resume == 'auto'


def test_formats_are_those_of_the_export():
    assert list(FORMATS) == list(SUFFIXES)


def completions(line: str) -> list[str]:
    """What the shell is told when a tab follows a line, by argcomplete's protocol."""
    pytest.importorskip('argcomplete')
    reader, writer = os.pipe()
    shell = dict(COMP_LINE=line, COMP_POINT=str(len(line)), _ARGCOMPLETE='1')
    shell |= dict(_ARGCOMPLETE_STDOUT_FILENAME=f'/dev/fd/{writer}')
    env = environment() | shell
    subprocess.run(
        [sys.executable, '-m', 'ssdkd'], env=env, cwd='/', pass_fds=[writer], check=False
    )
    os.close(writer)
    with open(reader) as file:
        return file.read().split('\x0b')


@pytest.mark.parametrize(
    'line, expected',
    [
        ('ssdkd train-t', 'train-teacher '),
        ('ssdkd train --wo', '--work-dir '),
        ('ssdkd train cls/digits_resnet20_resnet8_s', 'cls/digits_resnet20_resnet8_ssdkd '),
    ],
)
def test_tab_completion(line, expected):
    assert expected in completions(line)


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_ends_in_one_line(number, capsys):
    @command
    def write():
        raise OSError(number, os.strerror(number), 'work/round_2.pth')

    with pytest.raises(SystemExit) as end:
        write()
    said = capsys.readouterr().err
    assert end.value.code == 2 and said.count('\n') == 1
    assert said.startswith(
        f"error: cannot write 'work/round_2.pth': {os.strerror(number)}; make"
    )


def test_other_errors_of_the_system_keep_their_traceback():
    @command
    def write():
        raise OSError(errno.EIO, 'Input/output error')

    with pytest.raises(OSError, match='Input'):
        write()
