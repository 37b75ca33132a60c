"""Run methods x seeds under an equal budget and write a table and plots.

Each run is a separate process, on this machine or (--executor submitit) in a job of a cluster.
After an interruption, start the same command again: it keeps finished runs and resumes the
others. A failed run does not stop the others; the report names it.
"""

import argparse

from ssdkd.commands.options import KeyValues, add_cfg_options
from ssdkd.config.names import complete_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    argument = parser.add_argument(
        'spec', help='what to compare: a file, or a name such as benchmarks/digits'
    )
    argument.completer = complete_config
    parser.add_argument(
        '--work-dir', help='folder of all results (default: work_dirs/benchmark_<spec name>)'
    )
    parser.add_argument(
        '--methods',
        metavar='A,B',
        help='run only these methods (the report has all finished ones)',
    )
    add_running(parser)
    add_cfg_options(parser, 'change values of the spec, such as budget.minutes=1')
    parser.add_argument('--retry-failed', action='store_true', help='run failed runs again')


def add_running(parser: argparse.ArgumentParser) -> None:
    """How the runs go: arguments that the ablation has, too."""
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='number of runs at the same time (default: 1, which compares times best)',
    )
    parser.add_argument(
        '--threads',
        type=int,
        help='threads per run, as OMP_NUM_THREADS (default: cores // jobs)',
    )
    parser.add_argument(
        '--executor',
        choices=['local', 'submitit'],
        default='local',
        help='where to run: processes on this machine, or jobs of a cluster (Slurm)',
    )
    parser.add_argument(
        '--executor-options',
        nargs='+',
        action=KeyValues,
        default={},
        metavar='KEY=VALUE',
        help='resources that submitit requests, such as slurm_partition=gpu gpus_per_node=1 '
        'timeout_min=600',
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument('--report-only', action='store_true', help='write only the report')
    only.add_argument(
        '--dry-run', action='store_true', help='print only the plan and the commands'
    )


def run(args: argparse.Namespace) -> None:
    from ssdkd.benchmark.session import run_benchmark

    run_benchmark(args)
