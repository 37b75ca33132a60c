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
from ssdkd.errors import nearest
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
    'plot-estimate',
    'plot-logs',
)
# They do without torch, or import it where they need it.
LIGHT = ('cp', 'doctor', 'list', 'show')


def main() -> None:
    """``ssdkd COMMAND ...``; ``ssdkd`` alone lists the commands."""
    guard_start()
    name, given = sys.argv[1:2], sys.argv[2:]
    if '_ARGCOMPLETE' in os.environ:  # the shell asks what a tab could complete
        import argcomplete

        argcomplete.autocomplete(full_parser())
    elif name and name[0] in COMMANDS:
        _call(name[0], given, f'ssdkd {name[0]}')
    elif name and not name[0].startswith('-'):
        full_parser().error(f"there is no command '{name[0]}'{nearest(name[0], COMMANDS)}")
    else:
        full_parser().parse_args(name or ['--help'])  # which ends here, as --version does


def tool(name: str, *first: str) -> Callable[[], None]:
    """A command as a script of its own.

    Args:
        name: The command's name.
        *first: Arguments that the script itself stands for.
    """

    def main() -> None:
        guard_start()
        _call(name, [*first, *sys.argv[1:]])

    return main


def run_command(name: str, *line: str) -> None:
    """Run one command from another one."""
    _module(name).run(command_parser(name).parse_intermixed_args(line))


def command_parser(name: str, program: str | None = None) -> argparse.ArgumentParser:
    """The parser of one command.

    Args:
        name: The command's name.
        program: What its help and its errors call it. Defaults to the name of the script.
    """
    parser = argparse.ArgumentParser(prog=program, **_texts(name))
    _module(name).add_arguments(parser)
    return parser


def full_parser() -> argparse.ArgumentParser:
    """The parser of ``ssdkd`` with all commands."""
    parser = argparse.ArgumentParser(
        prog='ssdkd',
        description='Distil a trained network into a smaller one, without data.',
        epilog='ssdkd COMMAND --help shows the arguments of a command.',
    )
    parser.add_argument('--version', action='version', version=f'ssdkd {__version__}')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for name in COMMANDS:
        line = _module(name).__doc__.splitlines()[0]
        _module(name).add_arguments(commands.add_parser(name, help=line, **_texts(name)))
    return parser


def _module(name: str) -> ModuleType:
    return import_module(f'ssdkd.commands.{name.replace("-", "_")}')


def _texts(name: str) -> dict:
    return dict(
        description=_module(name).__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _call(name: str, given: list[str], program: str | None = None) -> None:
    # As `python -m` does it: a config may name a module of the user's in the current folder.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    # Intermixed: an optional positional may also stand behind an option.
    args = command_parser(name, program).parse_intermixed_args(given)
    args.line = shlex.join(['ssdkd', name, *given])
    if name not in LIGHT:
        # It takes seconds, and until then a signal ends the process at once.
        import_module('ssdkd.apis')
    command(_module(name).run)(args)
