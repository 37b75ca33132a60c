"""Curves of a run: its scalars by round, read from its work directory."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ssdkd.runs import read_json_lines, read_rounds
from ssdkd.runs.files import SCALARS, starts
from ssdkd.visualization.benchmark import COLORS, STYLES
from ssdkd.visualization.files import save_figure

# Scalars of a round that are no result.
BOOKKEEPING = ('data_time', 'time', 'epoch', 'iter', 'step', 'memory')
TITLES = {
    'divergence': 'Distillation: divergence of teacher and student',
    'agreement': 'Distillation: teacher and student agree (share)',
    'estimate/kappa': 'Student: estimate without data',
    'buffer/class_ratio': 'Buffer: largest class / smallest class',
    'buffer/empty_classes': 'Buffer: classes without samples',
    'buffer/confidence': "Buffer: teacher's mean confidence",
}
PERCENT = ('accuracy', 'mIoU', 'aAcc', 'mAcc', 'mAP', 'f1')
UNITS = {
    'loss': 'weighted mean over samples',
    'divergence': 'sum of the terms; KL: nats',
    'agreement': 'share of samples, 0 to 1',
    'estimate/kappa': "Cohen's kappa",
    'buffer/class_ratio': 'count / count',
    'buffer/empty_classes': 'count',
    'buffer/confidence': 'probability',
}


@dataclass
class Curves:
    """Scalars by round.

    Attributes:
        scalars: Name -> {round: value}; each name is one that the log uses.
        metrics: The same for what the val set measured, such as ``accuracy``.
        minutes: Round -> minutes since the start, pauses between stop and resume left out. Runs
            without ``rounds.jsonl``, from before it was written, have none.
    """

    scalars: dict[str, dict[int, float]] = field(default_factory=dict)
    metrics: dict[str, dict[int, float]] = field(default_factory=dict)
    minutes: dict[int, float] = field(default_factory=dict)

    def keep_before(self, first: int) -> None:
        """Remove round ``first`` and all later ones: a resumed run repeats them."""
        for series in (*self.scalars.values(), *self.metrics.values()):
            for number in [n for n in series if n >= first]:
                del series[number]


def read_curves(work_dir: str | Path) -> Curves:
    """Merge the scalars of every start of the run in a work directory.

    A run that was stopped and resumed has a timestamp folder for each start. Each start
    replaces the rounds from its first one on, which is round 1 unless it was resumed.
    """
    curves = Curves()
    for start in starts(work_dir):
        records = read_json_lines(start / SCALARS)
        rounds = [n for n in map(_round, records) if n is not None]
        if not rounds:  # nothing happened here, or a test
            continue
        curves.keep_before(min(rounds))
        for record in records:
            _take(record, curves)
    curves.minutes = {r['round']: r['elapsed'] / 60 for r in read_rounds(work_dir)}
    return curves


def _round(record: dict) -> int | None:
    """The round whose training a record is about; None for a validation and the like."""
    return record.get('epoch', record['step'] if 'seconds/inversion' in record else None)


def _take(record: dict, curves: Curves) -> None:
    in_round = 'epoch' in record
    if in_round or any(
        name.startswith(('buffer/', 'estimate/', 'seconds/')) for name in record
    ):
        target = curves.scalars
    else:
        target = curves.metrics
    for name, value in record.items():
        if name not in BOOKKEEPING and isinstance(value, int | float):
            series = target.setdefault(name.removeprefix('warmup/'), {})
            series[record['epoch' if in_round else 'step']] = value


def draw_metric(ax: Axes, curves: Curves, name: str, teacher: float | None = None) -> None:
    """A metric of the val set against minutes, or against rounds if the run has no times."""
    timed = by_minutes(curves.metrics[name], curves)
    draw_line(ax, timed or curves.metrics[name], label='student')
    if teacher is not None:
        ax.axhline(teacher, color='0.4', linestyle='--', label=f'teacher ({teacher:.2f})')
        ax.legend(loc='best')
    ax.set_title(f'Student: {name} on the val set', fontsize='medium')
    ax.set_xlabel('time (minutes)' if timed else 'round')
    ax.set_ylabel(axis_label(name))
    ax.set_xlim(left=0)
    ax.grid(alpha=0.3)


def draw_scalar(ax: Axes, curves: Curves, name: str) -> None:
    """A scalar of the log against rounds, with its running mean if it is long."""
    draw_line(ax, curves.scalars[name])
    ax.set_title(title(name), fontsize='medium')
    ax.set_xlabel('round')
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel(axis_label(name))
    ax.grid(alpha=0.3)


def draw_line(
    ax: Axes,
    series: dict[float, float],
    color: str = COLORS[0],
    style: str = '-',
    label: str | None = None,
) -> None:
    """One series; a long one is drawn pale, with its running mean over it."""
    series = {x: y for x, y in sorted(series.items()) if np.isfinite(y)}
    x, y = np.array(list(series)), np.array(list(series.values()))
    window = len(y) // 20
    pale = window > 2
    marker = '.' if len(y) < 30 else None
    ax.plot(
        x,
        y,
        color=color,
        linestyle=style,
        alpha=0.35 if pale else 1.0,
        marker=marker,
        label=None if pale else label,
    )
    if x.dtype.kind == 'i':  # rounds
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if pale:
        mean = np.convolve(y, np.ones(window) / window, 'valid')
        middle = x[window // 2 :][: len(mean)]
        ax.plot(middle, mean, color=color, linestyle=style, label=label)


def by_minutes(series: dict[int, float], curves: Curves) -> dict[float, float]:
    """The same series by minutes; rounds without a time are left out."""
    return {curves.minutes[n]: v for n, v in series.items() if n in curves.minutes}


def axis_label(name: str) -> str:
    """Name of a scalar and its unit."""
    short = name.split('/')[-1].removeprefix('inversion_').replace('_', ' ')
    if name in PERCENT or name.startswith('top'):
        return f'{name} (%)'
    if name.startswith('inversion_'):
        return f'{short} (loss, unweighted)'
    if name.startswith('seconds/'):
        return f'{short} (s per round)'
    return f'{short} ({UNITS[name]})' if name in UNITS else short


def title(name: str) -> str:
    """Description of a scalar of the log."""
    if name.startswith('inversion_'):
        return f'Inversion loss: {name.removeprefix("inversion_").replace("_", " ")}'
    return TITLES.get(name, name)


def shown_scalars(curves: Curves) -> list[str]:
    """The scalars worth a picture: divergence, agreement, inversion losses, balance.

    Classes without samples are among them if there ever were any.
    """
    inversion = sorted(n for n in curves.scalars if n.startswith('inversion_'))
    names = [
        'divergence',
        'agreement',
        'estimate/kappa',
        *inversion,
        'buffer/class_ratio',
        'buffer/empty_classes',
        'buffer/confidence',
    ]
    known = [n for n in names if n in curves.scalars]
    empty = curves.scalars.get('buffer/empty_classes', {})
    return known if any(empty.values()) else [n for n in known if n != 'buffer/empty_classes']


def plot_runs(
    runs: dict[str, Curves], names: list[str], path: str | Path, against: str = 'round'
) -> list[str]:
    """Write curves of several runs into one image, a panel for each scalar.

    Args:
        runs: Label -> what :func:`read_curves` returned.
        names: Scalars and metrics, one panel each.
        path: Image to write.
        against: ``'round'`` or ``'minutes'``.

    Returns:
        list[str]: The names that are drawn: those that at least one run has.
    """
    panels = []
    for name in names:
        lines = {}
        for index, (label, curves) in enumerate(runs.items()):
            series = curves.metrics.get(name) or curves.scalars.get(name) or {}
            if against == 'minutes':
                series = by_minutes(series, curves)
            if series:
                style = STYLES[index // len(COLORS) % len(STYLES)]
                lines[label] = (series, COLORS[index % len(COLORS)], style)
        if lines:
            panels.append((name, lines))
    if not panels:
        return []
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(max(5.2, 4.6 * columns), 3.2 * rows + 0.5), layout='constrained')
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    shown = {}
    for ax, (name, lines) in zip(axes, panels):
        for label, (series, color, style) in lines.items():
            draw_line(ax, series, color, style, label)
        ax.set_title(title(name), fontsize='medium')
        ax.set_xlabel('time (minutes)' if against == 'minutes' else 'round')
        ax.set_ylabel(axis_label(name))
        ax.grid(alpha=0.3)
        handles, labels = ax.get_legend_handles_labels()
        shown |= dict(zip(labels, handles))
    for ax in axes[len(panels) :]:
        ax.remove()
    if len(runs) > 1:
        figure.legend(
            shown.values(), shown.keys(), loc='outside upper center', ncols=3, frameon=False
        )
    save_figure(figure, path)
    return [name for name, _ in panels]


def plot_curves(
    curves: Curves, path: str | Path, teacher: dict[str, float] | None = None
) -> None:
    """Write every curve of a run into one image.

    Args:
        curves: What :func:`read_curves` returned; at least one scalar.
        path: Image to write.
        teacher: Metric -> the teacher's value, drawn as a dashed line.
    """
    drawings = [(draw_metric, (n, (teacher or {}).get(n))) for n in curves.metrics]
    drawings += [(draw_scalar, (n,)) for n in shown_scalars(curves)]
    columns = min(3, len(drawings))
    rows = -(-len(drawings) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.2 * rows), layout='constrained')
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax, (draw, arguments) in zip(axes, drawings):
        draw(ax, curves, *arguments)
    for ax in axes[len(drawings) :]:
        ax.remove()
    save_figure(figure, path)
