"""Print a whole config, with all its bases composed into one file."""

import argparse

from ssdkd.commands.options import add_cfg_options, add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser, 'config')
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    from ssdkd.config.read import read_config

    cfg = read_config(args.config, args.cfg_options, args.method, args.budget)
    print(cfg.pretty_text, end='')
