"""Tables of a benchmark: one line per method, one line per run, and the ratios of time."""

import csv
import io
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ssdkd.atomic import write_whole
from ssdkd.benchmark.cells import Cell
from ssdkd.benchmark.plan import PlanFile
from ssdkd.benchmark.spec import Method, Spec
from ssdkd.benchmark.variant_table import draw_balance, unit, write_variants
from ssdkd.runs.summary import main_metric, student_role, teacher_role
from ssdkd.visualization.benchmark import Line, Point, plot_against_time, plot_against_x
from ssdkd.visualization.curves import read_curves

TOLERANCE = 0.1  # by which a run may miss the budget before the table says so
SHARE = 0.9  # of the reference's result, which the ratios ask for


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


def deviation(row: Row, spec: Spec) -> float:
    """Mean relative deviation of the runs of a method from the budget."""
    if spec.minutes is not None:
        return row.mean('minutes') / spec.minutes - 1
    if spec.student_steps is not None:
        return row.mean('student_steps') / spec.student_steps - 1
    return 0.0


def deviates(row: Row, spec: Spec) -> bool:
    """Whether the report mentions it."""
    return abs(deviation(row, spec)) > TOLERANCE


def headline_table(rows: list[Row], spec: Spec) -> list[list[str]]:
    """A line for each method with results, best last accuracy first; head included."""
    device = any(r.device_memory is not None for row in rows for r in row.results)
    metric = spec.metric + unit(spec.metric)
    head = ['method', f'last {metric}', f'best on val {metric}', 'inversion (min)',
            'distillation (min)', 'samples stored', 'student steps', 'peak memory (GiB)',
            *(['on the device (GiB)'] if device else []), 'seeds']  # fmt: skip
    lines = [head]
    for row in sorted(rows, key=lambda row: -row.mean('last')):
        missed = f' ({deviation(row, spec):+.0%})' if deviates(row, spec) else ''
        in_time, in_steps = (missed, '') if spec.minutes is not None else ('', missed)
        peaks = [f'{max(r.memory for r in row.results):.2f}']
        if device:
            peaks.append(f'{max(r.device_memory or 0 for r in row.results):.2f}')
        lines.append([
            row.method.label,
            row.worded('last'),
            row.worded('best'),
            f'{row.mean("inversion"):.2f}',
            f'{row.mean("distillation"):.2f}{in_time}',
            f'{row.mean("samples"):,.0f}',
            f'{row.mean("student_steps"):,.0f}{in_steps}',
            *peaks,
            str(len(row.results)),
        ])  # fmt: skip
    return lines


def threshold(rows: list[Row], spec: Spec) -> float | None:
    """The value that the ratios ask for; None without a result of the reference."""
    found = [row for row in rows if row.method.name == spec.reference]
    return SHARE * found[0].mean('last') if found else None


def minutes_to(row: Row, value: float) -> list[float]:
    """Minutes to a value, of the runs that reached it."""
    times = (result.minutes_to(value) for result in row.results)
    return [t for t in times if t is not None]


def ratio_table(rows: list[Row], spec: Spec) -> list[list[str]]:
    """Minutes to the threshold and their ratio to ``ours``, fastest first; head included."""
    value = threshold(rows, spec)
    times = {row.method.name: minutes_to(row, value) for row in rows}
    mean = {name: statistics.mean(found) for name, found in times.items() if found}
    ours = spec.methods[spec.ours].label if spec.ours else None
    lines = [
        ['method', 'minutes', *([f'ratio to {ours}'] if ours else []), 'seeds that reached']
    ]
    for row in sorted(rows, key=lambda row: mean.get(row.method.name, float('inf'))):
        name = row.method.name
        cells = [f'{mean[name]:.2f}' if name in mean else 'not reached']
        if ours:
            known = name in mean and spec.ours in mean
            cells.append(f'{mean[name] / mean[spec.ours]:.2f}' if known else '-')
        lines.append([row.method.label, *cells, f'{len(times[name])} of {len(row.results)}'])
    return lines


def markdown(table: list[list[str]]) -> str:
    """A table in Markdown; numbers to the right."""
    rule = ['---'] + ['---:'] * (len(table[0]) - 1)
    lines = [table[0], rule, *table[1:]]
    return ''.join(f'| {" | ".join(c.replace("|", "/") for c in line)} |\n' for line in lines)


def write_csv(
    cells: list[Cell], rows: list[Row], spec: Spec, plans: PlanFile, path: Path
) -> None:
    """Write a line for each run, finished or not."""
    value = threshold(rows, spec)
    results = {(row.method.name, r.seed): r for row in rows for r in row.results}
    columns = ['method', 'label', 'seed', 'state', 'last', 'best', 'best_round',
               'inversion_minutes', 'distillation_minutes', 'minutes', 'minutes_to_threshold',
               'student_steps', 'rounds', 'warmup_rounds', 'samples', 'peak_memory_gib',
               'peak_device_memory_gib', 'x']  # fmt: skip
    file = io.StringIO()
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    for cell in sorted(cells, key=lambda c: (list(spec.methods).index(c.method.name), c.seed)):
        line = dict(method=cell.method.name, label=cell.method.label, seed=cell.seed,
                    state=cell.state, x=cell.method.x)  # fmt: skip
        plan = plans.methods.get(cell.method.name)
        if plan:
            line |= dict(rounds=plan.max_rounds, warmup_rounds=plan.warmup_rounds)
        result = results.get((cell.method.name, cell.seed))
        if result:
            reached = None if value is None else result.minutes_to(value)
            line |= dict(
                last=result.last,
                best=result.best,
                best_round=result.best_round,
                inversion_minutes=round(result.inversion, 3),
                distillation_minutes=round(result.distillation, 3),
                minutes=round(result.minutes, 3),
                minutes_to_threshold=None if reached is None else round(reached, 3),
                student_steps=result.student_steps,
                samples=result.samples,
                peak_memory_gib=round(result.memory, 3),
                peak_device_memory_gib=result.device_memory and round(result.device_memory, 3),
            )
        writer.writerow(line)
    write_whole(path, file.getvalue())


def write_report(spec: Spec, cells: list[Cell], plans: PlanFile, out: Path) -> str:
    """Write report.md, methods.csv, results.csv and the plots -> the Markdown."""
    if spec.metric is None:
        found = [main_metric(cell.summary) for cell in cells if cell.summary]
        spec = replace(spec, metric=next(iter(found), None))
    rows = [Row.of(spec, method, cells) for method in spec.methods.values()]
    rows = [row for row in rows if row.results]
    write_csv(cells, rows, spec, plans, out / 'results.csv')
    parts = [f'# Benchmark: {spec.path.stem}\n', _introduction(spec, rows)]
    if spec.variants:
        parts.append(write_variants(spec, cells, out))
    if spec.balance:
        parts.append(draw_balance(spec, cells, out))
    if rows and spec.metric is not None:
        table = headline_table(rows, spec)
        file = io.StringIO()
        csv.writer(file).writerows(table)
        write_whole(out / 'methods.csv', file.getvalue())
        parts += [markdown(table), _notes(spec, rows)]
        parts += _ratios(spec, rows)
    if any(result.curve for row in rows for result in row.results):
        plot_against_time(
            [_line(row, spec) for row in rows],
            out / 'accuracy_vs_time.png',
            metric=spec.metric + unit(spec.metric),
            threshold=threshold(rows, spec),
            budget=spec.minutes,
        )
        parts.append(f'![{spec.metric} against time](accuracy_vs_time.png)\n')
    if spec.x is not None and any(row.method.x is not None for row in rows):
        plot_against_x(
            [Point(r.method.label, r.method.x, [s.last for s in r.results]) for r in rows],
            out / 'accuracy_vs_x.png',
            metric=spec.metric + unit(spec.metric),
            label=spec.x,
        )
        parts.append(f'![{spec.metric} against {spec.x}](accuracy_vs_x.png)\n')
    parts += _unfinished(cells)
    parts.append(_environment(plans))
    text = '\n'.join(part for part in parts if part)
    write_whole(out / 'report.md', text)
    return text


def _introduction(spec: Spec, rows: list[Row]) -> str:
    budget = 'the rounds of its own config'
    if spec.minutes is not None:
        budget = f'{spec.minutes:g} minutes of inversion and distillation'
    elif spec.student_steps is not None:
        budget = f'{spec.student_steps:,} student steps'
    text = (
        f'Every run had {budget}. *Last* is the student at the end of it, which is what a user '
        'without data gets; *best on val* takes the best validation, which such a user has no '
        'labels for. Mean ± standard deviation over the seeds. Minutes leave out validation '
        'and saving; peak memory is that of the process, libraries included.'
    )
    if rows and spec.metric is not None:
        teacher = rows[0].results[0].teacher
        text += f' The teacher has {teacher:.2f}{unit(spec.metric).strip(" ()")}.'
    return text + '\n'


def _notes(spec: Spec, rows: list[Row]) -> str:
    missed = [row for row in rows if deviates(row, spec)]
    if not missed:
        return ''
    names = ', '.join(f'{r.method.label} ({deviation(r, spec):+.0%})' for r in missed)
    text = f'**Not within {TOLERANCE:.0%} of the budget:** {names}.'
    if spec.minutes is not None:
        text += ' Their rounds took another time than in the trial; `--replan` runs them again.'
    return text + '\n'


def _ratios(spec: Spec, rows: list[Row]) -> list[str]:
    if spec.reference is None:
        return []
    label = spec.methods[spec.reference].label
    title = f'## Minutes to {SHARE:.0%} of the result of {label}\n'
    value = threshold(rows, spec)
    if value is None:
        return [title, f'{label} has no result yet.\n']
    text = (
        f'{value:.2f}{unit(spec.metric).strip(" ()")} {spec.metric}: minutes of inversion and '
        'distillation until the first validation that saw it, mean over the seeds that did.\n'
    )
    return [title, text, markdown(ratio_table(rows, spec))]


def _line(row: Row, spec: Spec) -> Line:
    curves = [list(r.curve.values()) for r in row.results]
    length = min(map(len, curves))  # of one plan, hence equal, unless files are lost
    columns = [[curve[i] for curve in curves] for i in range(length)]
    return Line(
        label=row.method.label,
        minutes=[statistics.mean(t for t, _ in column) for column in columns],
        mean=[statistics.mean(v for _, v in column) for column in columns],
        low=[min(v for _, v in column) for column in columns],
        high=[max(v for _, v in column) for column in columns],
        ours=row.method.name == spec.ours,
        reference=row.method.name == spec.reference,
    )


def _unfinished(cells: list[Cell]) -> list[str]:
    parts = []
    failed = [cell for cell in cells if cell.state == 'failed']
    if failed:
        parts.append('## Failed\n')
    for cell in failed:
        how, *lines = cell.failure.strip().splitlines()
        block = '```\n' + '\n'.join(lines) + '\n```\n' if lines else ''
        parts.append(f'**{cell.name}** (`{cell.folder}`): {how}\n\n{block}')
    waiting = [cell.name for cell in cells if cell.state == 'not run']
    if waiting:
        parts.append(f'## Not finished\n\n{"; ".join(waiting)}\n')
    return parts


def _environment(plans: PlanFile) -> str:
    lines = [f'- {name}: {value}' for name, value in plans.environment.items()]
    lines.append(f'- {plans.jobs} run(s) at a time, {plans.threads} thread(s) each')
    return f'## Made by\n\n```bash\n{plans.command}\n```\n\n' + '\n'.join(lines) + '\n'
