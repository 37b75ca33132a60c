"""Effects of single parts over a factorial design: on minus off, with intervals."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from ssdkd.atomic import write_whole
from ssdkd.benchmark.cells import Cell
from ssdkd.benchmark.ratios import markdown
from ssdkd.benchmark.results import Row, with_metric
from ssdkd.benchmark.spec import Spec
from ssdkd.benchmark.variant_table import CONFIDENCE, unit
from ssdkd.visualization.effects import plot_effects


@dataclass(frozen=True)
class Effect:
    """Main effect of a part: the mean difference that it makes, over the other parts.

    Attributes:
        part: Name of the part.
        mean: Result with it minus result without it, in units of the metric.
        low: Lower end of the confidence interval.
        high: Upper end.
    """

    part: str
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]'


def main_effects(
    levels: Sequence[Mapping[str, bool]], seeds: Sequence[int], results: Sequence[float]
) -> list[Effect]:
    """Main effects by ordinary least squares, with the seeds as blocks.

    The model of a result is a constant for its seed plus half an effect for each part, added
    if the part is on and subtracted otherwise. Its residuals hold the scatter between runs and
    the interactions of parts, so that a large interaction makes the intervals wider. Intervals
    are those of Student's t.

    Args:
        levels: Of each run: part -> whether it is on.
        seeds: Of each run.
        results: Of each run.

    Returns:
        list[Effect]: In the order of the parts; empty if there are too few runs to tell the
        effects apart.
    """
    if not levels:
        return []
    parts = list(levels[0])
    blocks = sorted(set(seeds))
    design = np.array(
        [
            [float(seed == block) for block in blocks] + [1.0 if on[p] else -1.0 for p in parts]
            for on, seed in zip(levels, seeds)
        ]
    )
    freedom = design.shape[0] - design.shape[1]
    if freedom < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        return []
    beta, *_ = np.linalg.lstsq(design, np.asarray(results, dtype=float), rcond=None)
    residuals = np.asarray(results) - design @ beta
    variance = residuals @ residuals / freedom * np.linalg.inv(design.T @ design).diagonal()
    half = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variance)
    return [
        # From off to on is two units of the level.
        Effect(part, *(2 * float(v) for v in (b, b - h, b + h)))
        for part, b, h in zip(parts, beta[len(blocks) :], half[len(blocks) :])
    ]


def effects_of(spec: Spec, cells: Sequence[Cell]) -> list[Effect]:
    """The effects of the switches of a benchmark, from its finished runs."""
    rows = [Row.of(spec, spec.methods[name], cells) for name in spec.levels]
    runs = [(spec.levels[row.method.name], result) for row in rows for result in row.results]
    return main_effects(
        [on for on, _ in runs], [r.seed for _, r in runs], [r.last for _, r in runs]
    )


def write_effects(
    specs: Mapping[str, Spec], cells: Mapping[str, Sequence[Cell]], out: Path
) -> str:
    """Write effects.md, effects.csv and effects.png -> the Markdown.

    Args:
        specs: Folder -> a benchmark with switches and one budget.
        cells: The same -> its cells.
        out: Folder of the three files.
    """
    specs = {key: with_metric(spec, cells[key]) for key, spec in specs.items()}
    found = {_title(spec): effects_of(spec, cells[key]) for key, spec in specs.items()}
    spec = next(iter(specs.values()))
    if spec.metric is None:
        return 'No effects of the parts: the runs have no val set.\n'
    metric = spec.metric + unit(spec.metric)
    title = '## Effect of each part\n'
    known = {name: effects for name, effects in found.items() if effects}
    if not known:
        return f'{title}\nToo few runs have finished to tell the effects of the parts apart.\n'
    runs = [
        sum(c.summary is not None and c.method.name in s.levels for c in cells[key])
        for key, s in specs.items()
        if found[_title(s)]
    ]
    text = (
        f'Result with the part minus result without it, {metric}, mean over the settings of '
        f'the other parts, with {CONFIDENCE:.0%} interval: ordinary least squares over '
        f'{" and ".join(map(str, runs))} runs, seeds as blocks. An interval that holds 0 does '
        'not tell whether the part helps. A part that acts only together with another one, '
        'such as a term of phi, is averaged over settings in which it does nothing.\n'
    )
    parts = list(next(iter(spec.levels.values())))
    table = [['part', *known]]
    for i, part in enumerate(parts):
        table.append([part.replace('_', ' '), *(str(effects[i]) for effects in known.values())])
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(['budget', 'part', 'effect', 'low', 'high'])
    writer.writerows(
        [name, e.part, f'{e.mean:.4f}', f'{e.low:.4f}', f'{e.high:.4f}']
        for name, effects in known.items()
        for e in effects
    )
    write_whole(out / 'effects.csv', file.getvalue())
    plot_effects(known, out / 'effects.png', metric, f'{CONFIDENCE:.0%}')
    picture = '![What each part adds](effects.png)\n'
    text = '\n'.join((title, text, markdown(table), picture))
    write_whole(out / 'effects.md', text)
    return text


def _title(spec: Spec) -> str:
    """The budget of a benchmark, in words."""
    if spec.minutes is not None:
        return f'{spec.minutes:g} minutes'
    if spec.student_steps is not None:
        return f'{spec.student_steps:,} student steps'
    return 'rounds of the config'
