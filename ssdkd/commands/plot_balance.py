"""Draw the class balance and the difficulty of buffers (Figure 2 of the SSD-KD paper)."""

import argparse

from ssdkd.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='RUN',
        help='work directory (its newest round) or a round_*.pth',
    )
    parser.add_argument(
        '--labels', nargs='+', help='a name for each run (default: its work directory)'
    )
    parser.add_argument('--out', default='balance.png', help='image (default: balance.png)')


def run(args: argparse.Namespace) -> None:
    from ssdkd.visualization import plot_balance, read_balance

    labels = args.labels or [None] * len(args.runs)
    if len(labels) != len(args.runs):
        raise ConfigError(f'--labels names {len(labels)} runs, but {len(args.runs)} are given')
    balances = [read_balance(run, label) for run, label in zip(args.runs, labels)]
    for balance in balances:
        print(balance.describe())
    plot_balance(balances, args.out)
    print(f'figure: {args.out}')
