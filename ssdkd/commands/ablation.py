"""Train every variant of the ablation over several seeds and print one table.

Run it again after an interruption: finished cells are kept, a broken one is resumed.
"""

import argparse
import csv
import io
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from ssdkd.atomic import write_whole
from ssdkd.commands.options import add_config
from ssdkd.config.names import find_config
from ssdkd.errors import ConfigError
from ssdkd.interrupt import hinting
from ssdkd.paths import TOOLS

# What each variant changes in the config.
VARIANTS = {
    'full': '',
    'no diversity': 'model = dict(modulation=dict(diversity=False))',
    'no difficulty': 'model = dict(modulation=dict(difficulty=False))',
    'no phi': 'model = dict(modulation=dict(diversity=False, difficulty=False))',
    # The writer restores balance, too; without either nothing does.
    'no phi random writer': (
        'model = dict(modulation=dict(diversity=False, difficulty=False), '
        "writer=dict(_delete_=True, type='RandomWriter'))"
    ),
    'uniform sampling': "model = dict(sampler=dict(_delete_=True, type='UniformSampler'))",
}


@dataclass
class Cell:
    """One variant with one seed."""

    variant: str
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        return f'{self.variant}, seed {self.seed}'

    def summary(self) -> dict | None:
        """What the run says of itself, once it has ended."""
        from ssdkd.runs.files import read_summary

        return read_summary(self.folder)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser, composed=False)
    parser.add_argument(
        '--seeds', nargs='+', type=int, default=[0, 1, 2], help='default: 0 1 2'
    )
    parser.add_argument(
        '--variants',
        nargs='+',
        choices=list(VARIANTS),
        default=list(VARIANTS),
        help='default: all of them',
    )
    parser.add_argument('--out', help='folder (default: work_dirs/ablation_<config name>)')
    parser.add_argument(
        '--jobs', type=int, default=1, help='runs at a time, which share the cores (default: 1)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='change config values in all variants',
    )


def write_configs(args: argparse.Namespace, out: Path) -> dict[str, Path]:
    """Write the config of each variant -> variant to file.

    Raises:
        ConfigError: The folder holds an ablation of something else.
    """
    base = str(find_config(args.config).resolve())
    out.mkdir(parents=True, exist_ok=True)
    # Cells of different settings must not meet in one table.
    setting = json.dumps(dict(config=base, cfg_options=args.cfg_options), indent=2) + '\n'
    record = out / 'setting.json'
    if record.is_file() and record.read_text() != setting:
        raise ConfigError(
            f"--out: '{out}' holds an ablation with another config or other "
            f'--cfg-options (see {record}); choose another folder'
        )
    write_whole(record, setting)
    configs = {}
    for variant in args.variants:
        configs[variant] = out / f'{variant.replace(" ", "_")}.py'
        write_whole(
            configs[variant],
            f'"""Ablation: {variant}."""\n\n_base_ = {base!r}\n{VARIANTS[variant]}\n',
        )
    return configs


def run_cells(
    cells: list[Cell], configs: dict[str, Path], jobs: int, options: list[str]
) -> None:
    """Train what is not finished, a line for each cell that ends."""
    from ssdkd.benchmark import Trainer

    todo = [cell for cell in cells if cell.summary() is None]
    if len(todo) < len(cells):
        print(
            f'{len(cells) - len(todo)} of {len(cells)} cells are finished already', flush=True
        )
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    trainer = Trainer(
        TOOLS / 'train.py', threads, options=['--cfg-options', *options] if options else []
    )
    start = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        futures = {
            pool.submit(trainer.train, configs[cell.variant], cell.folder, cell.seed): cell
            for cell in todo
        }
        try:
            for done, future in enumerate(as_completed(futures), 1):
                cell, status, summary = futures[future], future.result(), None
                if not status:
                    summary = cell.summary()
                left = (time.monotonic() - start) / done * (len(todo) - done)
                print(
                    f'[{done}/{len(todo)}] {cell.name}: {outcome(cell, status, summary)}  '
                    f'(about {left / 60:.1f} min left)',
                    flush=True,
                )
        except BaseException:
            trainer.stop()
            pool.shutdown(cancel_futures=True)
            raise


def outcome(cell: Cell, status: int, summary: dict | None) -> str:
    """How a cell ended, in words."""
    if summary is None:
        lines = (cell.folder / 'output.txt').read_text().strip().splitlines()
        return (
            f'FAILED with status {status}: {lines[-1] if lines else "no output"} '
            f'(see {cell.folder / "output.txt"})'
        )
    return f'{score(summary):.2f} in {minutes(summary):.1f} min'


def score(summary: dict) -> float:
    """The student's last value of the first metric (accuracy); nan without a val set."""
    return next(
        (
            v
            for k, v in summary.items()
            if k.startswith('student_')
            and f'teacher_{k[8:]}' in summary
            and k != 'student_parameters'
        ),
        float('nan'),
    )


def minutes(summary: dict) -> float:
    """Minutes of inversion and distillation."""
    return (summary['inversion_seconds'] + summary['distillation_seconds']) / 60


def class_ratio(cell: Cell) -> float:
    """Largest class of the buffer over the smallest, at the end."""
    from ssdkd.visualization import read_balance

    summary = cell.summary()
    if 'class_ratio' in summary:
        return summary['class_ratio']
    return read_balance(cell.folder).ratio


def table(cells: list[Cell], variants: list[str]) -> list[dict[str, str]]:
    """A row for each variant: mean and spread over the seeds that finished."""
    rows = []
    for variant in variants:
        mine = [c for c in cells if c.variant == variant]
        done = [c for c in mine if c.summary()]
        scores = [score(c.summary()) for c in done]
        row = {
            'variant': variant,
            'student': 'failed',
            'per seed': '-',
            'class ratio': '-',
            'minutes': '-',
        }
        if done:
            spread = f' ± {statistics.stdev(scores):.2f}' if len(done) > 1 else ''
            row |= {
                'student': f'{statistics.mean(scores):.2f}{spread}',
                'class ratio': mean([class_ratio(c) for c in done], 2),
                'minutes': mean([minutes(c.summary()) for c in done], 1),
            }
        row['per seed'] = ' '.join(
            f'{score(c.summary()):.2f}' if c.summary() else 'failed' for c in mine
        )
        rows.append(row)
    return rows


def mean(values: list[float], digits: int) -> str:
    return f'{statistics.mean(values):.{digits}f}'


def write_table(rows: list[dict[str, str]], seeds: list[int], out: Path) -> str:
    """Write ablation.md and ablation.csv -> the Markdown."""
    head = {name: name for name in rows[0]} | {
        'student': 'student accuracy (%), mean ± std',
        'per seed': f'seeds {" ".join(map(str, seeds))}',
    }
    lines = [list(head.values()), ['---'] * len(head)] + [list(r.values()) for r in rows]
    text = ''.join(f'| {" | ".join(line)} |\n' for line in lines)
    write_whole(out / 'ablation.md', text)
    file = io.StringIO()
    csv.writer(file).writerows([list(head.values())] + [list(r.values()) for r in rows])
    write_whole(out / 'ablation.csv', file.getvalue())
    return text


def draw_balance(cells: list[Cell], out: Path) -> None:
    """Figure 2 of the paper: the buffer with and without what balances it."""
    from ssdkd.visualization import plot_balance, read_balance

    shown = [
        next((c for c in cells if c.variant == v and c.summary()), None)
        for v in ('full', 'no phi', 'no phi random writer')
    ]
    if None in shown[:2]:
        print("no figure: it needs a finished run of 'full' and of 'no phi'")
        return
    runs = [read_balance(c.folder, c.variant) for c in shown if c]
    plot_balance(runs, out / 'balance.png')
    print(f'figure: {out / "balance.png"}')


def run(args: argparse.Namespace) -> None:
    out = Path(args.out or f'work_dirs/ablation_{find_config(args.config).stem}')
    configs = write_configs(args, out)
    cells = [
        Cell(variant, seed, out / variant.replace(' ', '_') / f'seed_{seed}')
        for variant in args.variants
        for seed in args.seeds
    ]
    with hinting(lambda: 'the same command goes on'):
        run_cells(cells, configs, args.jobs, args.cfg_options)
    print('\n' + write_table(table(cells, args.variants), args.seeds, out))
    draw_balance(cells, out)
    failed = [c.name for c in cells if not c.summary()]
    if failed:
        print(f'{len(failed)} cells failed: {"; ".join(failed)}', file=sys.stderr)
        sys.exit(1)
