"""Plots of a benchmark: results against time, and against a setting."""

from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ssdkd.visualization.files import save_figure

# Colours that the colour-blind can tell apart (Okabe and Ito 2008), without black and yellow;
# a second and third pass over them changes the line.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00')
STYLES = ('-', '--', ':')
MARKERS = 'osD^vPX*<>hd'
LOG_FROM = 20.0  # the longest time over the shortest, from which the axis is logarithmic


@dataclass(frozen=True)
class Line:
    """A method's result against time.

    Attributes:
        label: Its name.
        minutes: Of each validation, mean over the seeds.
        mean: The metric there, mean over the seeds.
        low: The smallest of the seeds.
        high: The largest of the seeds.
        ours: Draw it thicker.
        reference: Draw it in black: the upper bound.
    """

    label: str
    minutes: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]
    ours: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Point:
    """A method's last results, a number for each seed, at ``x``; None draws a level line."""

    label: str
    x: float | None
    values: list[float]


def plot_against_time(
    lines: list[Line],
    path: str | Path,
    metric: str,
    levels: dict[str, float | None] | None = None,
) -> None:
    """Write mean (line) and range over the seeds (band) of every method as an image.

    Args:
        lines: The methods.
        path: Image to write.
        metric: Label of the axis, with its unit.
        levels: Label -> a level of the metric to mark; None marks none.
    """
    figure = Figure(figsize=(9.5, 5.2), layout='constrained')
    ax = figure.subplots()
    lines = sorted((line for line in lines if line.minutes), key=lambda line: -line.mean[-1])
    others = [line for line in lines if not line.reference]
    for line in lines:
        index = others.index(line) if line in others else None
        _draw(ax, line, index)
    times = [line.minutes[-1] for line in lines]
    if times and max(times) > LOG_FROM * min(line.minutes[0] for line in lines):
        ax.set_xscale('log')
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_xlim(left=0)
    marked = {text: level for text, level in (levels or {}).items() if level is not None}
    for i, (text, level) in enumerate(marked.items()):
        style = (0, (1, 1 + 2 * i))
        ax.axhline(level, color='0.4', linestyle=style, linewidth=1.2, label=text)
    ax.set_xlabel('minutes of inversion and distillation')
    ax.set_ylabel(f'student on the val set: {metric}')
    ax.grid(alpha=0.25)
    ax.spines[['top', 'right']].set_visible(False)
    figure.legend(
        loc='outside right upper',
        frameon=False,
        title='best at the end first',
        alignment='left',
    )
    save_figure(figure, path)


def _draw(ax: Axes, line: Line, index: int | None) -> None:
    color, style, marker = 'black', '-', None
    if index is not None:
        color = COLORS[index % len(COLORS)]
        style = STYLES[index // len(COLORS) % len(STYLES)]
        marker = MARKERS[index % len(MARKERS)]
    ax.plot(
        line.minutes,
        line.mean,
        color=color,
        linestyle=style,
        marker=marker,
        markersize=4,
        markevery=max(1, len(line.minutes) // 6),
        linewidth=2.8 if line.ours else 1.5,
        label=line.label,
        zorder=3 if line.ours else 2,
    )
    ax.fill_between(line.minutes, line.low, line.high, color=color, alpha=0.12, linewidth=0)


def plot_against_x(points: list[Point], path: str | Path, metric: str, label: str) -> None:
    """Write the last results against a number of each method as an image.

    Args:
        points: The methods; at least one with an x.
        path: Image to write.
        metric: Label of the y axis, with its unit.
        label: Label of the x axis.
    """
    figure = Figure(figsize=(6.4, 4.4), layout='constrained')
    ax = figure.subplots()
    placed = sorted((p for p in points if p.x is not None), key=lambda p: p.x)
    x = [p.x for p in placed]
    mean = [sum(p.values) / len(p.values) for p in placed]
    below = [m - min(p.values) for m, p in zip(mean, placed)]
    above = [max(p.values) - m for m, p in zip(mean, placed)]
    ax.errorbar(x, mean, [below, above], color=COLORS[0], marker='o', capsize=4, linewidth=2)
    for point, value in zip(placed, mean):
        ax.annotate(
            point.label, (point.x, value), (6, -12), textcoords='offset points', fontsize=8
        )
    for i, point in enumerate(p for p in points if p.x is None):
        level = sum(point.values) / len(point.values)
        ax.axhline(level, color='0.35', linestyle=('--', ':', '-.')[i % 3], linewidth=1.2)
        ax.annotate(
            point.label, (1, level), (0, 3), xycoords=('axes fraction', 'data'),
            textcoords='offset points', fontsize=8, ha='right')  # fmt: skip
    if x[0] > 0 and x[-1] > 5 * x[0]:
        ax.set_xscale('log')
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(x, [f'{value:g}' for value in x])
    ax.margins(x=0.12)
    ax.set_xlabel(label)
    ax.set_ylabel(f'last student: {metric}')
    ax.grid(alpha=0.25)
    ax.spines[['top', 'right']].set_visible(False)
    save_figure(figure, path)
