"""A call of ``ssdkd benchmark``, from its arguments to the report."""

import argparse
import itertools
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mmengine
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

import ssdkd
from ssdkd.benchmark.cells import Cell, Trainer, check_stored
from ssdkd.benchmark.effects import write_effects
from ssdkd.benchmark.plan import PlanFile, describe, planned_config
from ssdkd.benchmark.report import write_report
from ssdkd.benchmark.run import Benchmark, locked, make_cells
from ssdkd.benchmark.spec import Spec, method_config, read_specs
from ssdkd.errors import ConfigError
from ssdkd.interrupt import hinting
from ssdkd.paths import CLONE, TOOLS
from ssdkd.registry import nearest
from ssdkd.runs.files import CONFIG
from ssdkd.runs.settings import plain_settings

TRAIN = TOOLS / 'train.py'


def chosen_methods(spec: Spec, names: str | None) -> list[str]:
    """The methods that ``--methods`` names, or all."""
    if names is None:
        return list(spec.methods)
    chosen = [name.strip() for name in names.split(',') if name.strip()]
    for name in chosen:
        if name not in spec.methods:
            raise ConfigError(
                f"--methods: there is no method '{name}'{nearest(name, list(spec.methods))}"
            )
    return chosen


def equal_variants(spec: Spec, configs: dict[str, Config]) -> Iterator[tuple[str, str]]:
    """Pairs of labels of variants that do not differ."""
    labels = [(name, spec.methods[name].label) for name in spec.variants if name in configs]
    for (name, label), (other, its) in itertools.combinations(labels, 2):
        if plain_settings(configs[name]) == plain_settings(configs[other]):
            yield its, label


def make_trainer(args: argparse.Namespace, threads: int, lock: int, out: Path) -> Trainer:
    """The trainer for ``--executor``."""
    if args.executor == 'local':
        return Trainer(TRAIN, threads, lock)
    try:
        from ssdkd.benchmark.cluster import ClusterTrainer
    except ImportError as error:
        raise ConfigError(
            f"--executor submitit: {error}; run pip install 'ssdkd[cluster]'"
        ) from error
    return ClusterTrainer(TRAIN, threads, out / 'jobs', args.executor_options)


def environment() -> dict[str, str]:
    """Versions and hardware that affect times and results."""
    cpu = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if 'model name' in line]
        cpu = names[0].split(':', 1)[1].strip() if names else cpu
    commit = ''
    if CLONE is not None:
        describe = ['git', 'describe', '--always', '--dirty']
        done = subprocess.run(describe, cwd=CLONE, capture_output=True, text=True)
        commit = done.stdout.strip()
    values = {
        'ssdkd': ssdkd.__version__ + (f' ({commit})' if commit else ''),
        'Python, torch, mmengine': ', '.join(
            (platform.python_version(), torch.__version__, mmengine.__version__)
        ),
        'CPU': f'{cpu}, {len(os.sched_getaffinity(0))} cores usable',
    }
    if torch.cuda.is_available():
        values['device'] = torch.cuda.get_device_name()
    return values


def dry_run(spec: Spec, configs: dict, plans: PlanFile, trainer: Trainer, out: Path) -> None:
    """Print what would be run."""
    for name, cfg in configs.items():
        print(f'# {spec.methods[name].label}: {describe(cfg)} per run')
    for cell in make_cells(spec, out):
        if cell.method.name in configs:
            line = trainer.command(out / cell.method.name / CONFIG, cell.folder, cell.seed)
            ended = '' if cell.state == 'not run' else f'  # {cell.state}'
            print(f'OMP_NUM_THREADS={plans.threads} {shlex.join(line)}{ended}')


def report(spec: Spec, plans: PlanFile, out: Path) -> list[Cell]:
    """Write the report and print it -> the cells."""
    cells = make_cells(spec, out)
    print('\n' + write_report(spec, cells, plans, out))
    print(f'report: {out / "report.md"}')
    return cells


def run_benchmark(args: argparse.Namespace) -> None:
    """Run ``ssdkd benchmark`` with its arguments."""
    quiet()
    specs = read_specs(args.spec, args.cfg_options)
    stem = next(iter(specs.values())).path.stem
    run_specs(specs, Path(args.work_dir or f'work_dirs/benchmark_{stem}'), args)


def quiet() -> None:
    """Suppress mmengine's messages about environment variables in configs."""
    MMLogger.get_current_instance().setLevel('WARNING')


def run_specs(specs: dict[str, Spec], out: Path, args: argparse.Namespace) -> None:
    """Run a benchmark, budget after budget, and end with status 1 if a run has failed.

    Args:
        specs: Folder in the work directory -> what to compare there.
        out: Work directory.
        args: Arguments of ``ssdkd benchmark``, without ``spec``.

    Raises:
        ConfigError: The work directory holds other budgets.
    """
    # Of one budget the record lies in the folder itself, of several below it.
    others = out.glob('*/plan.json') if '' in specs else out.glob('plan.json')
    if any(others):
        mine, theirs = ('one budget', 'several') if '' in specs else ('several budgets', 'one')
        raise ConfigError(
            f"budget: the specification has {mine}, and '{out}' holds runs of {theirs}; choose "
            'another --work-dir'
        )
    if args.report_only:  # on the budgets that have begun
        specs = {k: spec for k, spec in specs.items() if PlanFile.read(out / k)} or specs
        cells = {k: report_again(spec, out / k, args) for k, spec in specs.items()}
    else:
        # All budgets are checked before the first run.
        made = {k: prepare(spec, out / k, args) for k, spec in specs.items()}
        cells = {k: run_spec(spec, *made[k], out / k, args) for k, spec in specs.items()}
    if not args.dry_run and any(spec.levels for spec in specs.values()):
        print(write_effects(specs, cells, out))
    every = [cell for part in cells.values() for cell in part]
    failed = [cell.name for cell in every if cell.state == 'failed']
    if failed and not args.dry_run:
        text = f'{len(failed)} of {len(every)} runs failed: {"; ".join(failed)}'
        print(f'{text} (--retry-failed runs them again)', file=sys.stderr)
        sys.exit(1)


def report_again(spec: Spec, out: Path, args: argparse.Namespace) -> list[Cell]:
    """Report on the runs of one budget that there are -> its cells."""
    chosen_methods(spec, args.methods)
    plans = PlanFile.read(out)
    if plans is None:
        raise ConfigError(f"--report-only: '{out}' holds no benchmark")
    plans.check(spec, plans.jobs, plans.threads, out)
    return report(spec, plans, out)


def prepare(
    spec: Spec, out: Path, args: argparse.Namespace
) -> tuple[PlanFile, dict[str, Config]]:
    """Check one budget and write nothing -> its plan, and the configs to run by method.

    Raises:
        ConfigError: An argument or a config cannot work, or does not go with the runs in its
            folder.
    """
    chosen = chosen_methods(spec, args.methods)
    plans = PlanFile.read(out)
    if args.executor == 'submitit':
        threads = args.threads or args.executor_options.get('cpus_per_task', 1)
    else:
        threads = args.threads or max(1, len(os.sched_getaffinity(0)) // max(1, args.jobs))
        if args.executor_options:
            raise ConfigError('--executor-options is for --executor submitit; add that')
    for name, value in (('--jobs', args.jobs), ('--threads', threads)):
        if value < 1:
            raise ConfigError(f'{name}={value} must be at least 1')
    if plans is None:
        plans = PlanFile(spec.budget, args.jobs, threads, args.line, environment())
    plans.check(spec, args.jobs, threads, out)
    plans.jobs, plans.threads = args.jobs, threads  # others only where they may differ
    needs_val = spec.metric is not None
    methods = [spec.methods[name] for name in chosen]
    configs = {m.name: planned_config(method_config(m, needs_val), spec, m) for m in methods}
    for name, other in equal_variants(spec, configs):
        print(f"'{name}' is the same as '{other}' with this config", flush=True)
    for name, cfg in configs.items():
        check_stored(cfg, out / name / CONFIG)
    return plans, configs


def run_spec(
    spec: Spec,
    plans: PlanFile,
    configs: dict[str, Config],
    out: Path,
    args: argparse.Namespace,
) -> list[Cell]:
    """Run what :func:`prepare` has checked, or print it -> all cells of the budget."""
    if args.dry_run:
        dry_run(spec, configs, plans, Trainer(TRAIN, plans.threads), out)
        return make_cells(spec, out)

    with locked(out) as lock:
        trainer = make_trainer(args, plans.threads, lock, out)
        benchmark = Benchmark(
            spec, configs, out, plans, trainer, lambda line: print(line, flush=True)
        )
        if args.retry_failed:
            benchmark.forget_failures()

        def hint() -> str:
            write_report(spec, make_cells(spec, out), plans, out)
            return 'the same command continues'

        with hinting(hint):
            benchmark.run()
    return report(spec, plans, out)
