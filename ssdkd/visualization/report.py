"""One self-contained HTML page about a run: no scripts, no other files, no network."""

import base64
import io
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssdkd.atomic import write_whole
from ssdkd.buffers.stored import StoredSamples, read_samples
from ssdkd.errors import ConfigError
from ssdkd.runs.files import (
    BALANCE,
    CURVES,
    REPORT,
    START_CONFIG,
    newest_sample_grid,
    read_environment,
    read_summary,
    starts,
)
from ssdkd.runs.summary import main_metric, metrics, teacher_role
from ssdkd.visualization.balance import (
    Balance,
    balance_of,
    draw_class_counts,
    draw_confidence,
    plot_balance,
)
from ssdkd.visualization.benchmark import COLORS
from ssdkd.visualization.buffer_grids import (
    Row,
    draw_rows,
    rows_by_age,
    rows_by_class,
    rows_by_priority,
)
from ssdkd.visualization.curves import (
    PERCENT,
    Curves,
    draw_metric,
    draw_scalar,
    plot_curves,
    read_curves,
    shown_scalars,
    title,
)

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b2733; background: #f4f6f8; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 1rem; font-weight: 600; color: #5a6b7b; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 36px 0 12px; }
.headline { font-size: 1.5rem; line-height: 1.35; margin: 8px 0 0; }
.missing { background: #fff4d6; border-left: 4px solid #e0a800; padding: 8px 12px; }
.grid { display: grid; gap: 16px;
        grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); }
figure { background: #fff; border: 1px solid #dde3e8; border-radius: 6px; margin: 0;
         padding: 8px; }
figure img { width: 100%; height: auto; display: block; }
.wide { align-items: start;
        grid-template-columns: repeat(auto-fill, minmax(min(520px, 100%), 1fr)); }
figure.samples { max-width: 720px; }
figcaption { font-size: .85rem; color: #5a6b7b; padding: 6px 4px 0; }
table { border-collapse: collapse; background: #fff; border: 1px solid #dde3e8; }
td, th { text-align: left; padding: 6px 12px; border-bottom: 1px solid #e8ecf0;
         overflow-wrap: break-word; vertical-align: top; }
th { font-weight: 600; }
details { background: #fff; border: 1px solid #dde3e8; border-radius: 6px; padding: 8px 12px;
          margin-top: 12px; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; font-size: .8rem; }
.grid td:last-child { white-space: nowrap; }
@media (max-width: 600px) { .headline { font-size: 1.2rem; } td, th { padding: 6px 8px; } }
"""
# Keys of summary.json in words; a key that is absent here is shown as it is.
WORDS = {
    'buffer_samples': 'Synthetic samples in the buffer',
    'mean_confidence': "Teacher's mean confidence",
    'estimate_kappa': 'Estimate on pictures of shapes: kappa (1: as the teacher, 0: chance)',
    'estimate_agreement': 'Agreement with the teacher on pictures of shapes (%)',
    'estimate_ece': 'Calibration error on pictures of shapes (percentage points)',
    'class_ratio': 'Largest class / smallest class',
    'empty_classes': 'Classes without samples',
    'inversion_seconds': 'Time in inversion',
    'distillation_seconds': 'Time in distillation',
    'peak_memory_mib': 'Peak memory of the process (MiB)',
    'peak_device_memory_mib': 'Peak memory on the device (MiB)',
    'rounds': 'Rounds',
    'student_steps': 'Steps of the student',
    'seed': 'Random seed',
}
# Columns of the buffer: name, axis, heading.
HISTOGRAMS = (
    ('priority', 'priority (weighted divergence; KL: nats)', 'What the student misses'),
    ('birth', 'round in which the sample was made', 'Age of the samples'),
    ('uses', 'times that the student saw the sample', 'Use of the samples'),
)
# Grids of samples: so that their labels can be read on a telephone.
GRID_COLUMNS, GRID_ROWS, GRID_CELL = 6, 20, 96


def write_report(work_dir: str | Path, out: str | Path | None = None) -> tuple[Path, str]:
    """Write the page, with ``curves.png`` and ``balance.png`` beside it.

    What the work directory lacks (a val set, a finished summary) is named on the page.

    Args:
        work_dir: Work directory of a run of tools/train.py.
        out: File to write; by default ``report.html`` in the work directory.

    Returns:
        tuple: The file, and its headline.

    Raises:
        ConfigError: There is no such work directory.
    """
    work_dir = Path(work_dir)
    if not work_dir.is_dir():
        raise ConfigError(f"there is no work directory '{work_dir}'")
    out = Path(out) if out else work_dir / REPORT
    out.parent.mkdir(parents=True, exist_ok=True)
    summary = read_summary(work_dir) or {}
    curves = read_curves(work_dir)
    samples, balance = _buffer_of(work_dir)
    text = headline(summary)
    body = [
        f'<h1>ssdkd report: {escape(work_dir.resolve().name)}</h1>',
        f'<p class="headline">{escape(text)}</p>',
        *_missing(summary, curves, balance),
        _summary_table(summary),
        _curve_section(curves, summary, out.with_name(CURVES)),
        _sample_section(work_dir, samples),
        _balance_section(balance, samples, out.with_name(BALANCE)),
        _setting_section(work_dir),
    ]
    write_whole(
        out,
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>ssdkd: {escape(work_dir.resolve().name)}</title>\n<style>{STYLE}</style>\n'
        '</head>\n<body>\n<main>\n'
        + '\n'.join(part for part in body if part)
        + '\n</main>\n</body>\n</html>\n',
    )
    return out, text


def headline(summary: dict) -> str:
    """The result in one sentence."""
    if not summary:
        return 'This run has not ended yet.'
    name = main_metric(summary)
    students = summary.get('students', ['student'])  # summaries of before do not say
    return (
        f'A teacher {_described(summary, teacher_role(summary), name)} was distilled into '
        + ' and '.join(
            ('a student ' if role == 'student' else f'a student ({role}) ')
            + _described(summary, role, name)
            for role in students
        )
        + ', without data.'
    )


def _described(summary: dict, role: str, metric: str | None) -> str:
    """What a network scored, if anything was measured, and its size beside the teacher's."""
    teacher, size = teacher_role(summary), summary[f'{role}_parameters']
    of_teacher = summary[f'{teacher}_parameters']
    # A frozen TorchScript has its weights in its code.
    text = f'{size:,} parameters' if size else 'parameters that cannot be counted'
    if role != teacher and of_teacher:
        share = 100 * size / of_teacher
        text += f' ({share:.0f}\N{NO-BREAK SPACE}%)'
    if metric is None:
        return f'of {text}'
    unit = '\N{NO-BREAK SPACE}%' if metric in PERCENT else ''
    named = f' {metric}' if role == teacher else ''
    return f'with {summary[f"{role}_{metric}"]:.2f}{unit}{named} and {text}'


def _missing(summary: dict, curves: Curves, balance: Balance | None) -> list[str]:
    notes = []
    if not summary:
        notes.append(
            'There is no summary.json: the run is still going on or was stopped '
            '(continue it with --resume).'
        )
    if not curves.metrics:
        notes.append(
            'No accuracy was measured: the config has no val set, or the run did '
            'not reach its first validation.'
            + ' The estimate without data stands in for it.'
            * ('estimate_kappa' in summary)
        )
    if not curves.scalars:
        notes.append('There are no scalars: the run has not left its warm-up rounds.')
    if curves.scalars and not curves.minutes:
        notes.append(
            'There is no rounds.jsonl, which earlier versions did not write: the curves have '
            'no times.'
        )
    if balance is None:
        notes.append(
            'There is no checkpoint whose buffer is filled and knows the classes of its '
            'samples, so its balance is unknown.'
        )
    return [f'<p class="missing">{escape(note)}</p>' for note in notes]


def _table(rows: list[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return '<tr>' + ''.join(f'<{tag}>{escape(c)}</{tag}>' for c in cells) + '</tr>'

    return (
        '<table>'
        + (line(head, 'th') if head else '')
        + ''.join(line(row, 'td') for row in rows)
        + '</table>'
    )


def _summary_table(summary: dict) -> str:
    if not summary:
        return ''
    compared = [*metrics(summary), 'parameters']
    roles = [k.removesuffix('_parameters') for k in summary if k.endswith('_parameters')]
    networks = _table(
        [
            (
                f'{name} (%)' if name in PERCENT else name,
                *(_number(summary[f'{role}_{name}']) for role in roles),
            )
            for name in compared
        ],
        ('', *roles),
    )
    shown = {f'{role}_{name}' for name in compared for role in roles}
    rows = [
        (WORDS.get(k, k), f'{v / 60:.1f} min' if k.endswith('_seconds') else _number(v))
        for k, v in summary.items()
        if k not in shown and k not in ('students', 'teachers')
    ]
    return (
        f'<h2>Summary</h2><div class="grid"><div>{networks}</div>'
        f'<div>{_table(rows)}</div></div>'
    )


def _number(value) -> str:
    if value is None:  # in JSON; the ratio of classes if one is empty
        return 'infinite'
    if isinstance(value, float):
        return f'{value:.2f}'
    return f'{value:,}' if isinstance(value, int) else str(value)


def _curve_section(curves: Curves, summary: dict, png: Path) -> str:
    if not (curves.metrics or curves.scalars):
        return ''
    role = teacher_role(summary)
    teacher = {name: summary[f'{role}_{name}'] for name in metrics(summary)}
    plot_curves(curves, png, teacher)
    pictures = [
        _drawn(lambda ax, n=n: draw_metric(ax, curves, n, teacher.get(n)), f'Student: {n}')
        for n in curves.metrics
    ]
    pictures += [
        _drawn(lambda ax, n=n: draw_scalar(ax, curves, n), title(n))
        for n in shown_scalars(curves)
    ]
    return f'<h2>How the run went</h2><div class="grid">{"".join(pictures)}</div>'


def _buffer_of(work_dir: Path) -> tuple[StoredSamples | None, Balance | None]:
    """What the newest checkpoint holds; None where there is none, or no classes."""
    try:
        samples = read_samples(work_dir)
    except ConfigError:
        return None, None
    try:
        return samples, balance_of(samples, 'buffer')
    except ConfigError:
        return samples, None


def _sample_section(work_dir: Path, samples: StoredSamples | None) -> str:
    parts = []
    if samples is not None and 'image' in samples.columns:
        after = f'Synthetic samples in {samples.path.name}'
        if samples.labels is not None:
            rows = rows_by_class(samples, GRID_COLUMNS, limit=GRID_ROWS)
            caption = f'{after}: the newest of each class that the teacher sees most in them.'
            parts.append(_grid(samples, rows, 'Samples by class', caption))
        priority = samples.columns['priority']
        if priority.min() < priority.max():
            rows = rows_by_priority(samples, GRID_COLUMNS)
            caption = (
                f'{after}, in eighths by priority: what the student misses most at the top.'
            )
            parts.append(_grid(samples, rows, 'Samples by priority', caption))
        elif samples.labels is None:
            rows = rows_by_age(samples, GRID_COLUMNS)
            parts.append(_grid(samples, rows, 'Samples by age', f'{after}, by age.'))
    else:
        grid = newest_sample_grid(work_dir)
        if grid is not None:
            caption = (
                f'The newest synthetic samples after round {grid[0]}, a row for each '
                "class that the teacher sees in them, in the order of the teacher's outputs."
            )
            picture = grid[1].read_bytes()
            parts.append(_figure(picture, 'Synthetic samples', caption, 'samples'))
    if not parts:
        return ''
    return (
        f'<h2>What the student learned from</h2><div class="grid wide">{"".join(parts)}</div>'
    )


def _grid(samples: StoredSamples, rows: list[Row], alt: str, caption: str) -> str:
    file = io.BytesIO()
    draw_rows(samples, rows, GRID_COLUMNS, largest=GRID_CELL).save(file, 'png')
    return _figure(file.getvalue(), alt, caption, 'samples')


def _balance_section(balance: Balance | None, samples: StoredSamples | None, png: Path) -> str:
    if samples is None:
        return ''
    pictures, text = [], ''
    if balance is not None:
        plot_balance([balance], png)
        text = f'<p>{escape(balance.describe())}.</p>'
        pictures = [
            _drawn(lambda ax: draw_class_counts(ax, balance), 'Samples of each class'),
            _drawn(lambda ax: draw_confidence(ax, balance), "Teacher's confidence"),
        ]
    for name, label, heading in HISTOGRAMS:
        values = samples.columns.get(name)
        if values is not None and values.min() < values.max():
            pictures.append(
                _drawn(partial(_histogram, values.numpy(), label, heading), heading)
            )
    if not pictures:
        return ''
    return (
        f'<h2>Balance and difficulty of the buffer</h2>{text}'
        f'<div class="grid">{"".join(pictures)}</div>'
    )


def _histogram(values: np.ndarray, label: str, heading: str, ax: Axes) -> None:
    weights = np.full(len(values), 100 / len(values))
    bins = 30
    if values.dtype.kind == 'i':  # as many whole numbers in each bin
        width = -(-(values.max() - values.min() + 1) // bins)
        bins = np.arange(values.min() - 0.5, values.max() + width, width)
    ax.hist(values, bins=bins, color=COLORS[0], weights=weights)
    ax.set_title(heading, fontsize='medium')
    ax.set_xlabel(label)
    ax.set_ylabel('share of samples (%)')


def _setting_section(work_dir: Path) -> str:
    configs = [s / START_CONFIG for s in starts(work_dir) if (s / START_CONFIG).is_file()]
    environment = read_environment(work_dir)
    parts = []
    if configs:
        parts.append(
            '<details><summary>Config</summary><pre>'
            f'{escape(configs[-1].read_text())}</pre></details>'
        )
    if environment:
        table = _table(list(environment.items()))
        parts.append(f'<details><summary>Environment</summary>{table}</details>')
    return '<h2>Setting</h2>' + ''.join(parts) if parts else ''


def _drawn(draw: Callable, alt: str) -> str:
    figure = Figure(figsize=(4.6, 3.2), layout='constrained')
    draw(figure.subplots())
    file = io.BytesIO()
    figure.savefig(file, format='png', dpi=150)
    return _figure(file.getvalue(), alt)


def _figure(png: bytes, alt: str, caption: str = '', kind: str = 'plot') -> str:
    data = base64.b64encode(png).decode()
    text = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    return (
        f'<figure class="{kind}"><img alt="{escape(alt)}" '
        f'src="data:image/png;base64,{data}">{text}</figure>'
    )
