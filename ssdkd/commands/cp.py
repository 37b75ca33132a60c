"""Copy a config to a new file, to edit it.

The copy names its bases, so it works in any folder. A pair has no file: its copy is the
composed config, without bases. 'ssdkd show CONFIG > FILE' writes any config without bases.
"""

import argparse
from pathlib import Path

from ssdkd.atomic import write_whole
from ssdkd.commands.options import add_config
from ssdkd.config.copy import copied_text
from ssdkd.config.names import find_config, is_pair
from ssdkd.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser, 'config')
    parser.add_argument('file', type=Path, help='a new file, or an existing folder for it')


def run(args: argparse.Namespace) -> None:
    name, text = _source(args)
    target = args.file / name if args.file.is_dir() else args.file
    if target.suffix != '.py':
        raise ConfigError(f"'{target}' must end in .py, like every config")
    if target.exists():
        raise ConfigError(f"'{target}' exists already; choose another file, or remove it")
    write_whole(target, text)
    print(target)


def _source(args: argparse.Namespace) -> tuple[str, str]:
    """Name and text of what is copied."""
    if args.method or args.budget or is_pair(args.config):
        from ssdkd.config.compose import compose

        cfg = compose(args.config, args.method, args.budget)
        return cfg.filename, cfg.pretty_text
    path = find_config(args.config)
    return path.name, copied_text(path)
