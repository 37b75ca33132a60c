"""Minutes until a student has a share of the reference's result, and their ratios."""

import math
import statistics

from ssdkd.benchmark.results import Row
from ssdkd.benchmark.spec import Spec

SHARES = (0.8, 0.9)  # of the last result of the reference


def threshold(rows: list[Row], spec: Spec, share: float) -> float | None:
    """A share of the reference's last result; None without a result of the reference."""
    found = [row for row in rows if row.method.name == spec.reference]
    return share * found[0].mean('last') if found else None


class Times:
    """Minutes of the runs of a method until a validation sees a value.

    A run that never did counts with all its minutes: the mean is then a lower bound.

    Args:
        row: The method's runs.
        value: The value of the metric.
    """

    def __init__(self, row: Row, value: float):
        found = [result.minutes_to(value) for result in row.results]
        self.reached = sum(minutes is not None for minutes in found)
        self.runs = len(found)
        minutes = [r.minutes if t is None else t for r, t in zip(row.results, found)]
        self.mean = statistics.mean(minutes)
        # The scatter of a bound says nothing.
        several = self.runs > 1 and self.is_exact
        self.spread = statistics.stdev(minutes) if several else None

    @property
    def is_exact(self) -> bool:
        """Whether all runs have reached the value."""
        return self.reached == self.runs

    def ratio_to(self, other: 'Times') -> str:
        """The ratio to another method's mean, with its scatter, in words.

        The scatter is that of two single runs' ratio, to first order: the relative standard
        deviations of both, added in squares.
        """
        if not other.is_exact:
            return '-'
        ratio, spread = self.mean / other.mean, None
        if self.spread is not None and other.spread is not None:
            spread = ratio * math.hypot(self.spread / self.mean, other.spread / other.mean)
        return _worded(ratio, spread, self.is_exact)

    def __str__(self) -> str:
        return _worded(self.mean, self.spread, self.is_exact)


def _worded(mean: float, spread: float | None, exact: bool) -> str:
    text = f'{mean:.2f}' + (f' ± {spread:.2f}' if spread is not None else '')
    return text if exact else f'> {text}'


def ratio_table(rows: list[Row], spec: Spec, value: float) -> list[list[str]]:
    """Minutes to a value and their ratio to ``ours``, fastest first; head included."""
    times = {row.method.name: Times(row, value) for row in rows}
    ours = times.get(spec.ours)
    head = ['method', 'minutes', 'seeds that reached']
    if ours is not None:
        head.insert(2, f'ratio to {spec.methods[spec.ours].label}')
    lines = [head]
    for row in sorted(rows, key=lambda r: _order(times[r.method.name])):
        mine = times[row.method.name]
        cells = [row.method.label, str(mine), f'{mine.reached} of {mine.runs}']
        if ours is not None:
            cells.insert(2, '1.00' if mine is ours and ours.is_exact else mine.ratio_to(ours))
        lines.append(cells)
    return lines


def _order(times: Times) -> tuple[float, float]:
    return -times.reached / times.runs, times.mean


def ratio_sections(rows: list[Row], spec: Spec, unit: str) -> list[str]:
    """Sections of the report: a title, a line and a table for each share.

    Args:
        rows: The methods with results.
        spec: The benchmark.
        unit: What stands behind a value of the metric.
    """
    if spec.reference is None:
        return []
    label, parts = spec.methods[spec.reference].label, []
    for share in SHARES:
        value = threshold(rows, spec, share)
        parts.append(f'## Minutes to {share:.0%} of the result of {label}\n')
        if value is None:
            parts.append(f'{label} has no result.\n')
            continue
        parts.append(
            f'{value:.2f}{unit} {spec.metric}: minutes of inversion and distillation until the '
            'first validation that saw it. Mean ± standard deviation over the seeds; > marks a '
            'lower bound, as a run that did not reach it counts with all its minutes.\n'
        )
        parts.append(markdown(ratio_table(rows, spec, value)))
    return parts


def markdown(table: list[list[str]]) -> str:
    """A table in Markdown; numbers to the right."""
    rule = ['---'] + ['---:'] * (len(table[0]) - 1)
    lines = [table[0], rule, *table[1:]]
    return ''.join(f'| {" | ".join(c.replace("|", "/") for c in line)} |\n' for line in lines)
