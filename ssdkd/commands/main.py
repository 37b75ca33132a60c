"""The command line: ``ssdkd COMMAND ...``, and the same commands as scripts in ``tools/``."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from ssdkd import __version__
from ssdkd.commands.ending import command
from ssdkd.interrupt import guard_start

# In the order of --help.
COMMANDS = (
    'demo',
    'train',
    'test',
    'train-teacher',
    'export',
    'export-samples',
    'report',
    'benchmark',
    'ablation',
    'list',
    'show',
    'cp',
    'validate',
    'new-plugin',
    'doctor',
    'convert',
    'agreement',
    'flops',
    'inspect-buffer',
    'plot-balance',
    'plot-logs',
)
# They do without torch, or import it where they need it.
LIGHT = ('cp', 'doctor', 'list', 'show')


def main() -> None:
    """``ssdkd COMMAND ...``."""
    guard_start()
    parser = full_parser()
    if '_ARGCOMPLETE' in os.environ:  # the shell asks what a tab could complete
        import argcomplete

        argcomplete.autocomplete(parser)
    _call(parser, sys.argv[1:], 'ssdkd')


def tool(name: str, *first: str) -> Callable[[], None]:
    """A command as a script of its own.

    Args:
        name: The command's name.
        *first: Arguments that the script itself stands for.
    """

    def main() -> None:
        guard_start()
        parser = command_parser(name)
        _call(parser, [*first, *sys.argv[1:]], 'ssdkd', name)

    return main


def run_command(name: str, *line: str) -> None:
    """Run a command as a step of another one."""
    _module(name).run(command_parser(name).parse_args(line))


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser = argparse.ArgumentParser(**_texts(name))
    _fill(parser, name)
    return parser


def full_parser() -> argparse.ArgumentParser:
    """The parser of ``ssdkd`` with all commands."""
    parser = argparse.ArgumentParser(
        prog='ssdkd',
        description='Distil a trained network into a smaller one, without data.',
        epilog='ssdkd COMMAND --help says what a command takes.',
    )
    parser.add_argument('--version', action='version', version=f'ssdkd {__version__}')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for name in COMMANDS:
        line = _module(name).__doc__.splitlines()[0]
        _fill(commands.add_parser(name, help=line, **_texts(name)), name)
    return parser


def _module(name: str) -> ModuleType:
    return import_module(f'ssdkd.commands.{name.replace("-", "_")}')


def _texts(name: str) -> dict:
    return dict(
        description=_module(name).__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _fill(parser: argparse.ArgumentParser, name: str) -> None:
    _module(name).add_arguments(parser)
    parser.set_defaults(command=name)


def _call(parser: argparse.ArgumentParser, given: list[str], *program: str) -> None:
    args = parser.parse_args(given)
    args.line = shlex.join([*program, *given])
    if args.command not in LIGHT:
        # It takes seconds, and until then a signal ends the process at once.
        import_module('ssdkd.apis')
    command(_module(args.command).run)(args)
