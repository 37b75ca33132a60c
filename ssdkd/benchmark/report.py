"""Tables of a benchmark: one line per method, one line per run, and the ratios of time."""

import csv
import io
import statistics
from pathlib import Path

from ssdkd.atomic import write_whole
from ssdkd.benchmark.cells import Cell
from ssdkd.benchmark.plan import POINTS, PlanFile
from ssdkd.benchmark.ratios import SHARES, markdown, ratio_sections, threshold
from ssdkd.benchmark.results import Row, with_metric
from ssdkd.benchmark.spec import Spec
from ssdkd.benchmark.variant_table import draw_balance, unit, write_variants
from ssdkd.runs.files import CONFIG
from ssdkd.visualization.benchmark import Line, Point, plot_against_time, plot_against_x

TOLERANCE = 0.05  # by which a run may miss the budget before the table says so


def deviation(row: Row, spec: Spec) -> float:
    """Mean relative deviation of the runs of a method from the budget."""
    if spec.minutes is not None:
        return row.mean('elapsed') / spec.minutes - 1
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


def write_csv(cells: list[Cell], rows: list[Row], spec: Spec, path: Path) -> None:
    """Write a line for each run, finished or not."""
    values = {f'minutes_to_{share:.0%}'[:-1]: threshold(rows, spec, share) for share in SHARES}
    results = {(row.method.name, r.seed): r for row in rows for r in row.results}
    columns = ['method', 'label', 'seed', 'state', 'last', 'best', 'best_round',
               'inversion_minutes', 'distillation_minutes', 'minutes', 'elapsed_minutes',
               *values, 'student_steps', 'rounds', 'samples', 'peak_memory_gib',
               'peak_device_memory_gib', 'x']  # fmt: skip
    file = io.StringIO()
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    for cell in sorted(cells, key=lambda c: (list(spec.methods).index(c.method.name), c.seed)):
        line = dict(method=cell.method.name, label=cell.method.label, seed=cell.seed,
                    state=cell.state, x=cell.method.x)  # fmt: skip
        result = results.get((cell.method.name, cell.seed))
        if result:
            reached = {k: v if v is None else result.minutes_to(v) for k, v in values.items()}
            line |= dict(
                last=result.last,
                best=result.best,
                best_round=result.best_round,
                inversion_minutes=round(result.inversion, 3),
                distillation_minutes=round(result.distillation, 3),
                minutes=round(result.minutes, 3),
                elapsed_minutes=round(result.elapsed, 3),
                rounds=result.rounds,
                **{k: None if v is None else round(v, 3) for k, v in reached.items()},
                student_steps=result.student_steps,
                samples=result.samples,
                peak_memory_gib=round(result.memory, 3),
                peak_device_memory_gib=result.device_memory and round(result.device_memory, 3),
            )
        writer.writerow(line)
    write_whole(path, file.getvalue())


def write_report(spec: Spec, cells: list[Cell], plans: PlanFile, out: Path) -> str:
    """Write report.md, methods.csv, results.csv and the plots -> the Markdown."""
    spec = with_metric(spec, cells)
    rows = [Row.of(spec, method, cells) for method in spec.methods.values()]
    rows = [row for row in rows if row.results]
    write_csv(cells, rows, spec, out / 'results.csv')
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
        parts += ratio_sections(rows, spec, unit(spec.metric).strip(' ()'))
    if any(result.curve for row in rows for result in row.results):
        plot_against_time(
            [_line(row, spec) for row in rows],
            out / 'accuracy_vs_time.png',
            metric=spec.metric + unit(spec.metric),
            levels={f'{s:.0%} of the reference': threshold(rows, spec, s) for s in SHARES},
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
        budget = f'{spec.minutes:g} minutes by the clock, validation and saving included'
    elif spec.student_steps is not None:
        budget = f'{spec.student_steps:,} student steps'
    text = (
        f'Every run had {budget}. *Last* is the student at the end of it, which is what a user '
        'without data gets; *best on val* takes the best validation, which such a user has no '
        'labels for. Mean ± standard deviation over the seeds. The minutes of the table leave '
        'out validation and saving; peak memory is that of the process, libraries included.'
    )
    if rows and spec.metric is not None:
        teacher = rows[0].results[0].teacher
        text += f' The teacher has {teacher:.2f}{unit(spec.metric).strip(" ()")}.'
    return text + '\n'


def _notes(spec: Spec, rows: list[Row]) -> str:
    notes = []
    missed = [row for row in rows if deviates(row, spec)]
    if missed:
        names = ', '.join(f'{r.method.label} ({deviation(r, spec):+.0%})' for r in missed)
        notes.append(f'**Not within {TOLERANCE:.0%} of the budget:** {names}.\n')
    # Runs by the clock have a validation after each round if the rounds are few.
    fewest = {row.method.label: min(len(r.curve) for r in row.results) for row in rows}
    short = [f'{label} ({n})' for label, n in fewest.items() if 0 < n < POINTS]
    if spec.minutes is not None and short:
        notes.append(
            f'**Fewer than {POINTS} rounds of the student:** {", ".join(short)}. Their '
            'learning rates fall by leaps, and their times are rounded up to the next round.\n'
        )
    return '\n'.join(notes)


def _line(row: Row, spec: Spec) -> Line:
    curves = [list(r.curve.values()) for r in row.results]
    length = min(map(len, curves))  # as many points each, unless files are lost
    columns = [[curve[i] for curve in curves] for i in range(-length, 0)]
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
    waiting = [cell for cell in cells if cell.state == 'not run']
    asked = [cell for cell in waiting if (cell.folder.parent / CONFIG).is_file()]
    if asked:
        parts.append(f'## Not finished\n\n{"; ".join(cell.name for cell in asked)}\n')
    left_out = dict.fromkeys(c.method.label for c in waiting if c not in asked)
    if left_out:
        parts.append(f'Left out by `--methods`: {"; ".join(left_out)}.\n')
    return parts


def _environment(plans: PlanFile) -> str:
    lines = [f'- {name}: {value}' for name, value in plans.environment.items()]
    lines.append(f'- {plans.jobs} run(s) at a time, {plans.threads} thread(s) each')
    return f'## Made by\n\n```bash\n{plans.command}\n```\n\n' + '\n'.join(lines) + '\n'
