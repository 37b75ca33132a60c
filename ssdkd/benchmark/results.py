"""Results of finished runs, and of the runs of a method together."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ssdkd.benchmark.cells import Cell
from ssdkd.benchmark.spec import Method, Spec
from ssdkd.runs.summary import main_metric, student_role, teacher_role
from ssdkd.visualization.curves import read_curves


@dataclass(frozen=True)
class Result:
    """Results of a finished run.

    Attributes:
        seed: Its seed.
        last: The last student's value of the metric.
        best: The largest that any validation saw; a user without data cannot choose by it.
        best_round: Where that was.
        inversion: Minutes.
        distillation: Minutes.
        elapsed: Minutes from the first round to the end of the last one, with validation.
        rounds: Rounds, warm-up included.
        samples: Samples stored at the end.
        memory: Peak of the process, GiB.
        device_memory: Peak on the accelerator, GiB; None without one.
        student_steps: Steps of the student.
        teacher: The teacher's value of the metric.
        curve: Round -> (minutes so far, value), at each validation.
    """

    seed: int
    last: float
    best: float
    best_round: int
    inversion: float
    distillation: float
    elapsed: float
    rounds: int
    samples: int
    memory: float
    device_memory: float | None
    student_steps: int
    teacher: float
    curve: dict[int, tuple[float, float]]

    @property
    def minutes(self) -> float:
        return self.inversion + self.distillation

    def minutes_to(self, value: float) -> float | None:
        """Minutes to the first validation that saw this value; None if none did."""
        return next((t for t, v in self.curve.values() if v >= value), None)


def read_result(cell: Cell, metric: str | None) -> Result:
    """Read a finished run; without a metric its values are nan."""
    summary, curves = cell.summary, read_curves(cell.folder)
    inversion = curves.scalars.get('seconds/inversion', {})
    distillation = curves.scalars.get('seconds/distillation', {})
    values = curves.metrics.get(metric, {})
    curve = {
        n: ((inversion[n] + distillation[n]) / 60, values[n])
        for n in sorted(values)
        if n in inversion and n in distillation
    }
    last = summary.get(f'{student_role(summary)}_{metric}', math.nan)
    seen = {summary['rounds']: last} | {n: round(v, 2) for n, (_, v) in curve.items()}
    best_round = max(sorted(seen), key=lambda n: seen[n])
    device = summary.get('peak_device_memory_mib')
    return Result(
        seed=cell.seed,
        last=last,
        best=seen[best_round],
        best_round=best_round,
        inversion=summary['inversion_seconds'] / 60,
        distillation=summary['distillation_seconds'] / 60,
        elapsed=max(curves.minutes.values(), default=math.nan),
        rounds=summary['rounds'],
        samples=summary['buffer_samples'],
        memory=summary.get('peak_memory_mib', 0) / 1024,
        device_memory=None if device is None else device / 1024,
        student_steps=summary['student_steps'],
        teacher=summary.get(f'{teacher_role(summary)}_{metric}', math.nan),
        curve=curve,
    )


@dataclass(frozen=True)
class Row:
    """A method and the results of its finished runs."""

    method: Method
    results: tuple[Result, ...]

    @classmethod
    def of(cls, spec: Spec, method: Method, cells: Sequence[Cell]) -> 'Row':
        """The row of a method, from those of the cells that are its own."""
        mine = [c for c in cells if c.method.name == method.name and c.summary]
        return cls(method, tuple(read_result(c, spec.metric) for c in mine))

    def mean(self, name: str) -> float:
        """Mean over the runs of an attribute of :class:`Result`."""
        return statistics.mean(getattr(r, name) for r in self.results)

    def spread(self, name: str) -> float | None:
        """Standard deviation over the runs (n - 1); None for fewer than two."""
        values = [getattr(r, name) for r in self.results]
        return statistics.stdev(values) if len(values) > 1 else None

    def worded(self, name: str) -> str:
        """Mean and standard deviation, as ``93.10 ± 0.52``."""
        spread = self.spread(name)
        return f'{self.mean(name):.2f}' + (f' ± {spread:.2f}' if spread is not None else '')


def with_metric(spec: Spec, cells: Sequence[Cell]) -> Spec:
    """The benchmark with its metric: where it names none, that of its first finished run."""
    if spec.metric is not None:
        return spec
    found = [main_metric(cell.summary) for cell in cells if cell.summary]
    return replace(spec, metric=next(iter(found), None))
