"""Compare the estimate without data with what a val set measures, over the rounds of runs.

It prints the rank correlation over all checkpoints, with an interval, and the error of a
prediction of the metric from the estimate, made for each run from the other runs. Between two
validations the metric is interpolated.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='RUN',
        help='work directory of a run with a val set, or folder of a benchmark with such runs',
    )
    parser.add_argument('--out', default='estimate.png', help='image (default: estimate.png)')


def run(args: argparse.Namespace) -> None:
    import numpy as np

    from ssdkd.visualization.estimate import (
        check_comparable,
        left_out_errors,
        mean_error,
        plot_estimates,
        rank_correlation,
        read_estimates,
        runs_in,
    )
    from ssdkd.words import count

    runs = [read_estimates(run) for run in runs_in(args.runs)]
    check_comparable(runs)
    for one in runs:
        print(
            f'{one.label}: {count(len(one.kappa), "estimate")}, kappa {one.kappa.min():.2f} to '
            f'{one.kappa.max():.2f}, {one.metric} {one.measured.min():.1f} to '
            f'{one.measured.max():.1f}'
        )
    value, low, high = rank_correlation(runs)
    interval = '' if np.isnan(low) else f' (95 % over runs: {low:.3f} to {high:.3f})'
    print(f"Spearman's rank correlation: {value:.3f}{interval}")
    if len(runs) > 1:
        errors = left_out_errors(runs)
        value, low, high = mean_error(errors)
        most = np.percentile(np.abs(np.concatenate(errors)), 90)
        print(
            'error of a prediction from the other runs, percentage points: mean '
            f'{value:.1f} (95 % over runs: {low:.1f} to {high:.1f}), 90 % below {most:.1f}'
        )
    plot_estimates(runs, args.out)
    print(f'figure: {args.out}')
