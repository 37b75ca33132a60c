"""Draw the curves of one or several runs: val metrics, losses, figures of the buffer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ssdkd.errors import ConfigError, nearest

if TYPE_CHECKING:
    from ssdkd.visualization import Curves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('runs', nargs='+', metavar='WORK_DIR', help='work directory of a run')
    parser.add_argument(
        '--labels', nargs='+', help='a name for each run (default: its work directory)'
    )
    parser.add_argument(
        '--keys',
        nargs='+',
        metavar='NAME',
        help='scalars to draw, by their names in the log, such as accuracy (default: what the '
        'val set measured, divergence, agreement, inversion losses, the buffer)',
    )
    parser.add_argument(
        '--against',
        choices=['round', 'minutes'],
        default='round',
        help='horizontal axis (default: round)',
    )
    parser.add_argument('--out', default='logs.png', help='image (default: logs.png)')


def read_runs(args: argparse.Namespace) -> dict[str, Curves]:
    """Label -> curves.

    Raises:
        ConfigError: A work directory is missing or has no curves, or labels do not fit.
    """
    from ssdkd.visualization import read_curves

    labels = args.labels or [Path(run).resolve().name for run in args.runs]
    if len(labels) != len(args.runs):
        raise ConfigError(f'--labels names {len(labels)} runs, but {len(args.runs)} are given')
    if len(set(labels)) != len(labels):
        raise ConfigError(f'two runs have the same name ({", ".join(labels)}); give --labels')
    found = {}
    for label, run in zip(labels, args.runs):
        if not Path(run).is_dir():
            raise ConfigError(f"there is no work directory '{run}'")
        found[label] = read_curves(run)
        if not (found[label].metrics or found[label].scalars):
            raise ConfigError(f"'{run}' has no curves: no round of a run was logged there")
    return found


def run(args: argparse.Namespace) -> None:
    from ssdkd.visualization import plot_runs
    from ssdkd.visualization.curves import shown_scalars

    runs = read_runs(args)
    known = {n: None for c in runs.values() for n in (*c.metrics, *c.scalars)}
    usual = {n: None for c in runs.values() for n in c.metrics}
    usual |= {n: None for c in runs.values() for n in shown_scalars(c)}
    names = args.keys or list(usual)
    for name in names:
        if name not in known:
            raise ConfigError(f"--keys: no run has '{name}'{nearest(name, sorted(known))}")
    drawn = plot_runs(runs, names, args.out, args.against)
    if not drawn:
        raise ConfigError('--against minutes: no rounds.jsonl has the times of these rounds')
    print(f'{", ".join(drawn)}\nfigure: {args.out}')
