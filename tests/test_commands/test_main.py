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
from ssdkd.commands.main import COMMANDS, command_parser
from ssdkd.export.student import SUFFIXES

TOOLS = sorted(path for path in (ROOT / 'tools').rglob('*.py') if 'benchmark_' not in path.name)


def ssdkd(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, '-m', 'ssdkd', *args]
    env = environment()
    return subprocess.run(command, cwd='/', env=env, capture_output=True, text=True)


@pytest.mark.parametrize('line', [(), ('--help',)])
def test_help_names_every_command(line):
    done = ssdkd(*line)
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


@pytest.mark.parametrize('args', [('trian',), ('train',), ('train', 'a', '--no-such')])
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
    args = command_parser('train').parse_args(
        ['a.py', '--cfg', 'x.y=1', 'z=[a,b]', '--res', '--cfg-options', 'w=None']
    )
    assert args.cfg_options == {'x.y': 1, 'z': ['a', 'b'], 'w': None}
    assert args.resume == 'auto'


def positionals(name: str) -> list[str]:
    """Values for the arguments of a command that are no options, optional ones included."""
    actions = command_parser(name)._get_positional_actions()
    return [action.choices[0] if action.choices else f'{action.dest}.x' for action in actions]


@pytest.mark.parametrize('name', COMMANDS)
def test_options_and_positionals_stand_in_any_order(name):
    """Every option with a value goes between the positionals, before and after them."""
    parser, words = command_parser(name), positionals(name)
    for option in parser._get_optional_actions():
        if option.nargs in (0, '+', '?'):
            continue  # no value, or as many as follow
        value = option.choices[-1] if option.choices else '7'
        given = [option.option_strings[0], str(value)]
        expected = parser.parse_args([*words, *given])
        for i in range(len(words) + 1):
            assert parser.parse_intermixed_args([*words[:i], *given, *words[i:]]) == expected


def test_a_checkpoint_may_stand_behind_the_options(tmp_path):
    """The optional positional that argparse refuses there; the file is what is missing."""
    done = ssdkd('test', 'digits_resnet20_resnet8', '--method', 'fast2', '/nowhere.pth')
    assert "'/nowhere.pth'" in done.stderr and 'usage' not in done.stderr


def test_a_word_that_is_no_key_and_value_is_named(capsys):
    with pytest.raises(SystemExit):
        command_parser('test').parse_intermixed_args(['a', '--cfg-options', 'b=1', 'c.pth'])
    said = capsys.readouterr().err
    assert "'c.pth' is not KEY=VALUE" in said and 'before --cfg-options' in said


def test_a_mistyped_command_is_named():
    done = ssdkd('trian', 'a.py')
    assert "there is no command 'trian'; did you mean train?" in done.stderr


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


def test_a_reader_that_has_enough_is_no_error():
    """As in ``ssdkd list | head -1``."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'ssdkd', 'list'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b'' and process.wait() in (0, 141)
    process.stderr.close()
