"""Table of variants, with a column for the seeds, and a figure of their buffers."""

import csv
import io
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from scipy import stats

from ssdkd.atomic import write_whole
from ssdkd.benchmark.cells import Cell
from ssdkd.benchmark.spec import Spec
from ssdkd.runs.summary import student_role
from ssdkd.visualization.balance import plot_balance, read_balance

CONFIDENCE = 0.95
PERCENT = ('accuracy', 'top', 'mIoU', 'mAcc', 'aAcc', 'mAP', 'f1')


def unit(metric: str) -> str:
    """What stands behind a metric's name in tables and on axes."""
    return ' (%)' if metric.startswith(PERCENT) else ''


def write_variants(spec: Spec, cells: Sequence[Cell], out: Path) -> str:
    """Write ablation.md and ablation.csv, a row for each variant -> the Markdown.

    Args:
        spec: The benchmark, with its metric; None if nothing is measured.
        cells: Its cells, finished or not.
        out: Folder of the two files.
    """
    seeds = ' '.join(map(str, spec.methods[spec.variants[0]].seeds))
    metric = 'without a val set' if spec.metric is None else spec.metric + unit(spec.metric)
    student = f'student {metric}, mean ± std'
    interval = f'{CONFIDENCE:.0%} interval'
    table = [['variant', student, interval, f'seeds {seeds}', 'class ratio', 'minutes']]
    for name in spec.variants:
        mine = [cell for cell in cells if cell.method.name == name]
        table.append([spec.methods[name].label, *_values(mine, spec.metric)])
    lines = [table[0], ['---'] * len(table[0]), *table[1:]]
    text = ''.join(f'| {" | ".join(line)} |\n' for line in lines)
    write_whole(out / 'ablation.md', text)
    file = io.StringIO()
    csv.writer(file).writerows(table)
    write_whole(out / 'ablation.csv', file.getvalue())
    return text


def _score(summary: dict, metric: str) -> float:
    """The student's last result."""
    return summary[f'{student_role(summary)}_{metric}']


def _values(cells: list[Cell], metric: str | None) -> list[str]:
    """The columns of a variant, given the cells of its seeds."""
    summaries = [cell.summary for cell in cells]
    each = [
        f'{_score(summary, metric):.2f}' if summary and metric else cell.state
        for cell, summary in zip(cells, summaries)
    ]
    done = [summary for summary in summaries if summary]
    if not done:
        return ['failed' if 'failed' in each else '-', '-', ' '.join(each), '-', '-']
    ratios = [_class_ratio(cell) for cell in cells if cell.summary]
    minutes = [(s['inversion_seconds'] + s['distillation_seconds']) / 60 for s in done]
    result = interval = '-'
    if metric is not None:
        scores = [_score(summary, metric) for summary in done]
        spread = f' ± {statistics.stdev(scores):.2f}' if len(done) > 1 else ''
        result = f'{statistics.mean(scores):.2f}{spread}'
        if len(done) > 1:
            low, high = mean_interval(scores)
            interval = f'[{low:.2f}, {high:.2f}]'
    return [
        result,
        interval,
        ' '.join(each),
        f'{statistics.mean(ratios):.2f}',
        f'{statistics.mean(minutes):.1f}',
    ]


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Confidence interval of the mean of at least two values, by Student's t."""
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values)
    mean = statistics.mean(values)
    return float(mean - half), float(mean + half)


def _class_ratio(cell: Cell) -> float:
    """Largest class of the buffer over the smallest, at the end; infinite if one is empty."""
    if 'class_ratio' not in cell.summary:
        return read_balance(cell.folder).ratio
    ratio = cell.summary['class_ratio']
    return math.inf if ratio is None else ratio


def draw_balance(spec: Spec, cells: Sequence[Cell], out: Path) -> str:
    """Draw the buffers of ``spec.balance``, first finished seed each -> a line of the report.

    Figure 2 of SSD-KD (Liu et al. 2024, arXiv 2406.07876) shows the buffer with and without
    what balances it.
    """
    found = {}
    for cell in cells:
        if cell.method.name in spec.balance and cell.summary:
            found.setdefault(cell.method.name, cell)
    shown = [found[name] for name in spec.balance if name in found]
    if len(shown) < 2:
        labels = ', '.join(spec.methods[name].label for name in spec.balance)
        return f'No figure of the buffers: it needs finished runs of two of {labels}.\n'
    runs = [read_balance(cell.folder, cell.method.label) for cell in shown]
    plot_balance(runs, out / 'balance.png')
    return '![buffers: classes and confidence](balance.png)\n'
