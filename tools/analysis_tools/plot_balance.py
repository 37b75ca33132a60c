"""Draw the class balance and the difficulty of buffers (Figure 2 of the SSD-KD paper)."""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from ssdkd.apis import command
from ssdkd.errors import ConfigError
from ssdkd.visualization import plot_balance, read_balance


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
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
    return parser.parse_args()


@command
def main() -> None:
    args = parse_args()
    labels = args.labels or [None] * len(args.runs)
    if len(labels) != len(args.runs):
        raise ConfigError(f'--labels names {len(labels)} runs, but {len(args.runs)} are given')
    balances = [read_balance(run, label) for run, label in zip(args.runs, labels)]
    for balance in balances:
        print(balance.describe())
    plot_balance(balances, args.out)
    print(f'figure: {args.out}')


if __name__ == '__main__':
    main()
