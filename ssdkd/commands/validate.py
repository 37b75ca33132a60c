"""Check a config as far as that goes without training.

Settings, networks, weights, data sets, optimizers, memory: all that a run looks at before its
first step. Ends with status 2 if the config is wrong, and with status 1 if it only needs files
that are not here.
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
        print(f'not here: {line}', file=sys.stderr)
    print(
        f'{args.config}: the config is right'
        + (', the files above are missing' * bool(missing))
    )
    if missing:
        sys.exit(1)
