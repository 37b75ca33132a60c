"""Plot of what each part of a method adds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from matplotlib.figure import Figure

from ssdkd.visualization.benchmark import COLORS, MARKERS
from ssdkd.visualization.files import save_figure


class HasInterval(Protocol):
    """An effect: a mean with the ends of its interval."""

    part: str
    mean: float
    low: float
    high: float


def plot_effects(
    effects: Mapping[str, Sequence[HasInterval]], path: str | Path, metric: str, interval: str
) -> None:
    """Write a line for each part: the mean difference that it makes, with its interval.

    Args:
        effects: Budget -> the effects, of the same parts in the same order.
        path: Image to write.
        metric: Name of the metric, with its unit.
        interval: Name of the interval, such as ``'95%'``.
    """
    parts = [effect.part.replace('_', ' ') for effect in next(iter(effects.values()))]
    figure = Figure(figsize=(7.4, 1.6 + 0.55 * len(parts)), layout='constrained')
    ax = figure.subplots()
    ax.axvline(0, color='0.4', linewidth=1)
    for i, (budget, found) in enumerate(effects.items()):
        shift = 0.22 * (i - (len(effects) - 1) / 2)
        for y, effect in enumerate(found):
            sure = effect.low > 0 or effect.high < 0
            ax.errorbar(
                effect.mean,
                y + shift,
                xerr=[[effect.mean - effect.low], [effect.high - effect.mean]],
                color=COLORS[i % len(COLORS)],
                marker=MARKERS[i % len(MARKERS)],
                markerfacecolor=None if sure else 'white',
                markersize=7,
                capsize=4,
                linewidth=2,
                label=budget if y == 0 else None,
            )
            ax.annotate(
                f'{effect.mean:+.1f}',
                (effect.high, y + shift),
                (6, 0),
                textcoords='offset points',
                va='center',
                fontsize=8,
            )
    ax.set_yticks(range(len(parts)), parts)
    ax.set_ylim(len(parts) - 0.4, -0.6)  # the first part at the top
    ax.margins(x=0.15)
    ax.set_title('What each part adds to the student', loc='left')
    ax.set_xlabel(
        f'{metric} with the part minus without it\n'
        f'(mean and {interval} interval; left of 0 it harms, right of 0 it helps; a hollow\n'
        'marker: the interval holds 0, so the sign is not sure)'
    )
    ax.grid(axis='x', alpha=0.25)
    ax.spines[['top', 'right', 'left']].set_visible(False)
    ax.tick_params(axis='y', length=0)
    if len(effects) > 1:
        figure.legend(loc='outside right upper', frameon=False, title='budget per run')
    save_figure(figure, path)
