"""Check a config without training.

It checks everything that a run checks before its first step: settings, networks, weights, data
sets, optimizers, memory. Exit status 0: all is right. 1: the config is right, but files are
missing. 2: the config is wrong.
"""

import argparse
import sys

from ssdkd.commands.options import add_cfg_options, add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser, 'config of a distillation or of a teacher')
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    from ssdkd.apis import load_config
    from ssdkd.apis.validate import validate

    missing = validate(load_config(args))
    for line in missing:
        print(f'missing: {line}', file=sys.stderr)
    print(
        f'{args.config}: the config is right'
        + (', the files above are missing' * bool(missing))
    )
    if missing:
        sys.exit(1)
