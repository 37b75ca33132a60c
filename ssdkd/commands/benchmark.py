"""Run methods x seeds under an equal budget and write a table and plots.

Each run is a process of its own, here or (--executor submitit) in a job of a cluster.
Call it again after an interruption: finished runs are kept, a broken one goes on from its
checkpoint. A failed run is named in the report, and the others go on.
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
        '--work-dir', help='where all goes (default: work_dirs/benchmark_<spec name>)'
    )
    parser.add_argument(
        '--methods', metavar='A,B', help='run only these (the report has all that are there)'
    )
    add_running(parser)
    add_cfg_options(parser, 'change values of the spec, e.g. budget.minutes=1')
    parser.add_argument('--retry-failed', action='store_true', help='run failed ones again')
    parser.add_argument(
        '--replan',
        action='store_true',
        help='remove and run again, with rounds by the times they took, those that missed '
        'the budget by more than 10 %%',
    )


def add_running(parser: argparse.ArgumentParser) -> None:
    """How the runs go: arguments that the ablation has, too."""
    parser.add_argument(
        '--jobs', type=int, default=1, help='runs at a time (default: 1, the fairest)'
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
        help='where the runs go: processes here, or jobs of a cluster (Slurm)',
    )
    parser.add_argument(
        '--executor-options',
        nargs='+',
        action=KeyValues,
        default={},
        metavar='KEY=VALUE',
        help='what submitit asks the cluster for, e.g. slurm_partition=gpu gpus_per_node=1 '
        'timeout_min=600',
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        '--report-only', action='store_true', help='write the report, run nothing'
    )
    only.add_argument('--dry-run', action='store_true', help='print plan and commands alone')


def run(args: argparse.Namespace) -> None:
    from ssdkd.benchmark.session import run_benchmark

    run_benchmark(args)
