"""Tables and plots of a benchmark whose runs are made up."""

import csv
import json
import statistics
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from ssdkd.benchmark import PlanFile, make_cells, write_report
from ssdkd.benchmark.cells import mark_failed
from ssdkd.benchmark.ratios import Times, ratio_table, threshold
from ssdkd.benchmark.results import Row, read_result
from ssdkd.benchmark.spec import Method, Spec
from ssdkd.visualization.benchmark import COLORS, Line, plot_against_time
from ssdkd.visualization.curves import read_curves


def make_run(folder, curve: dict[int, float], seconds: float, resumed_at: int | None = None):
    """What a run leaves: 2 warm-up rounds and a validation in each round of ``curve``.

    A third of each round is inversion. With ``resumed_at`` it was killed after that round and
    went on from the round before.
    """
    rounds = max(curve)
    starts = [range(1, rounds + 1)]
    if resumed_at is not None:
        starts = [range(1, resumed_at + 1), range(resumed_at, rounds + 1)]
    for i, part in enumerate(starts):
        data = folder / f'20260101_12000{i}' / 'vis_data'
        data.mkdir(parents=True)
        lines = []
        for n in part:
            # A round that was lost by a kill took another time.
            factor = seconds * (5 if len(starts) == 2 and i == 0 and n == resumed_at else 1)
            cumulated = (n - 1) * seconds + factor
            if n > 2:
                lines.append(dict(loss=1.0, epoch=n, iter=10 * n, step=10 * n))
            lines.append({'seconds/inversion': cumulated / 3,
                          'seconds/distillation': cumulated * 2 / 3, 'step': n})  # fmt: skip
            if n in curve:
                lines.append(dict(accuracy=curve[n], time=0.1, step=n))
        (data / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
    summary = dict(
        teacher_accuracy=99.0, student_accuracy=curve[rounds], teacher_parameters=9,
        student_parameters=3, buffer_samples=64, inversion_seconds=rounds * seconds / 3,
        distillation_seconds=rounds * seconds * 2 / 3, peak_memory_mib=1536.0,
        rounds=rounds, student_steps=10 * (rounds - 2))  # fmt: skip
    (folder / 'summary.json').write_text(json.dumps(summary))
    log = [dict(round=n, elapsed=n * seconds) for n in range(1, rounds + 1)]
    (folder / 'rounds.jsonl').write_text('\n'.join(map(json.dumps, log)) + '\n')


@pytest.fixture
def made_up(tmp_path):
    """Four methods -> spec, plans, folder. A round takes 6 s, of 'slow' 9 s."""
    methods = [
        Method('ours', 'Ours', 'c.py', {}, (0, 1), x=1),
        Method('slow', 'Slow', 'c.py', {}, (0, 1), x=10),
        Method('never', 'Never | x', 'c.py', {}, (0,), x=100),
        Method('oracle', 'Oracle', 'c.py', {}, (0,)),
        Method('broken', 'Broken', 'c.py', {}, (0, 1)),
    ]
    spec = Spec(tmp_path / 'toy.py', {m.name: m for m in methods}, minutes=1.0,
                reference='oracle', ours='ours', x='share (%)')  # fmt: skip
    make_run(tmp_path / 'ours/seed_0', {4: 50.0, 7: 91.0, 10: 88.0}, 6)
    make_run(tmp_path / 'ours/seed_1', {4: 86.0, 7: 89.0, 10: 90.0}, 6, resumed_at=5)
    make_run(tmp_path / 'slow/seed_0', {4: 10.0, 7: 86.0, 10: 87.0}, 9)
    make_run(tmp_path / 'slow/seed_1', {4: 10.0, 7: 20.0, 10: 30.0}, 9)
    make_run(tmp_path / 'never/seed_0', {4: 10.0, 7: 10.0, 10: 11.0}, 6)
    make_run(tmp_path / 'oracle/seed_0', {4: 94.0, 7: 95.0, 10: 95.0}, 6)
    mark_failed(tmp_path / 'broken/seed_0', 'exit status 2\nTraceback\nerror: no luck\n')
    (tmp_path / 'broken/config.py').touch()  # of a method that is asked for
    plans = PlanFile(spec.budget, 1, 2, 'python tools/benchmark.py toy.py', {'CPU': 'one'})
    return spec, plans, tmp_path


def rows_of(spec, out) -> dict[str, Row]:
    cells = make_cells(spec, out)
    return {name: Row.of(spec, m, cells) for name, m in spec.methods.items()}


def test_result_of_a_resumed_run(made_up):
    spec, _, out = made_up
    cell = next(c for c in make_cells(spec, out) if c.folder == out / 'ours/seed_1')
    result = read_result(cell, 'accuracy')
    assert list(result.curve) == [4, 7, 10]
    minutes, values = zip(*result.curve.values())
    assert minutes == pytest.approx((0.4, 0.7, 1.0)) and values == (86.0, 89.0, 90.0)
    assert (result.last, result.best, result.best_round) == (90.0, 90.0, 10)
    assert result.inversion == pytest.approx(1 / 3) and result.minutes == pytest.approx(1)
    assert result.memory == 1.5 and result.device_memory is None
    curves = read_curves(cell.folder)
    assert set(curves.metrics) == {'accuracy'} and 'seconds/inversion' in curves.scalars


def test_best_is_not_last(made_up):
    spec, _, out = made_up
    row = rows_of(spec, out)['ours']
    assert [(r.last, r.best, r.best_round) for r in row.results] == [
        (88.0, 91.0, 7), (90.0, 90.0, 10)]  # fmt: skip
    assert row.worded('last') == f'89.00 ± {statistics.stdev([88, 90]):.2f}'
    assert rows_of(spec, out)['oracle'].worded('last') == '95.00'  # one run has no spread


def test_ratios(made_up):
    """90 % of 95 is 85.5: ours at 0.7 and 0.4 min, slow at 1.05 min in one run of two."""
    spec, _, out = made_up
    rows = [row for row in rows_of(spec, out).values() if row.results]
    value = threshold(rows, spec, 0.9)
    head, *lines = ratio_table(rows, spec, value)
    assert value == 85.5
    assert head == ['method', 'minutes', 'ratio to Ours', 'seeds that reached']
    assert lines == [
        ['Oracle', '0.40', f'{0.4 / 0.55:.2f}', '1 of 1'],
        ['Ours', f'0.55 ± {statistics.stdev([0.7, 0.4]):.2f}', '1.00', '2 of 2'],
        # The run that did not reach it counts with its 1.5 minutes.
        ['Slow', f'> {(1.05 + 1.5) / 2:.2f}', f'> {(1.05 + 1.5) / 2 / 0.55:.2f}', '1 of 2'],
        ['Never | x', '> 1.00', f'> {1 / 0.55:.2f}', '0 of 1'],
    ]
    spec = replace(spec, ours='slow')  # a bound is no measure for others
    assert [line[2] for line in ratio_table(rows, spec, value)[1:]] == ['-'] * 4


def test_scatter_of_a_ratio_against_a_simulation():
    """To first order: 200,000 pairs of runs, with 3 and 4 % of scatter."""
    rng = np.random.default_rng(0)
    theirs, ours = rng.normal(3.0, 0.09, 200_000), rng.normal(2.0, 0.08, 200_000)

    def times(minutes):
        results = [SimpleNamespace(minutes=9.0, minutes_to=lambda _, t=t: t) for t in minutes]
        return Times(SimpleNamespace(results=results), value=1.0)

    mean, spread = map(float, times(theirs).ratio_to(times(ours)).split(' ± '))
    assert mean == pytest.approx(np.mean(theirs / ours), abs=0.01)
    assert spread == pytest.approx(np.std(theirs / ours), abs=0.005)


def test_report(made_up):
    spec, plans, out = made_up
    text = write_report(spec, make_cells(spec, out), plans, out)
    assert text == (out / 'report.md').read_text()
    table = [line for line in text.splitlines() if line.startswith('|')][2:6]
    assert [line.split(' | ')[0][2:] for line in table] == [
        'Oracle',
        'Ours',
        'Slow',
        'Never / x',
    ]
    assert '| Ours | 89.00 ± 1.41 | 90.50 ± 0.71 | 0.33 | 0.67 | 64 | 80 | 1.50 | 2 |' in table
    assert '| 1.00 (+50%) |' in table[2], 'a budget that was missed is told'
    assert '**Not within 5% of the budget:** Slow (+50%).' in text
    assert '**Fewer than 20 rounds of the student:** Ours (3), Slow (3)' in text
    eighty, ninety = text.split('## Minutes to ')[1:]
    assert eighty.startswith('80% of the result of Oracle') and '76.00% accuracy' in eighty
    assert ninety.startswith('90% of the result of Oracle') and '85.50% accuracy' in ninety
    assert 'The teacher has 99.00%' in text
    failed = text.split('## Failed')[1]
    assert '**Broken, seed 0**' in failed and 'error: no luck' in failed
    assert 'Broken, seed 1' in text.split('## Not finished')[1]
    assert 'Left out' not in text
    assert 'python tools/benchmark.py toy.py' in text and '- CPU: one' in text

    lines = list(csv.DictReader(open(out / 'results.csv')))
    assert len(lines) == 8 and [line['state'] for line in lines[-2:]] == ['failed', 'not run']
    assert [lines[0][f'minutes_to_{share}'] for share in (80, 90)] == ['0.7', '0.7']
    assert lines[3]['minutes_to_80'] == '' and lines[0]['elapsed_minutes'] == '1.0'
    assert lines[0] | dict(last='88.0', best='91.0', best_round='7', rounds='10') == lines[0]
    assert len(list(csv.reader(open(out / 'methods.csv')))) == 5


def test_report_without_any_result(made_up):
    spec, plans, out = made_up
    (out / 'empty/ours').mkdir(parents=True)
    (out / 'empty/ours/config.py').touch()
    text = write_report(spec, make_cells(spec, out / 'empty'), plans, out)
    rest = text.split('## Not finished')[1]
    assert rest.startswith('\n\nOurs, seed 0; Ours, seed 1\n')
    assert 'Left out by `--methods`: Slow; Never | x; Oracle; Broken.' in rest
    assert not (out / 'accuracy_vs_time.png').exists()


def lines(number: int, end: float = 10.0) -> list[Line]:
    minutes = [end / 20 * i for i in range(1, 21)]
    return [
        Line(f'method {k}', minutes, [k + t for t in minutes], [k + t - 1 for t in minutes],
             [k + t + 1 for t in minutes], ours=k == 1, reference=k == 0)
        for k in range(number)
    ]  # fmt: skip


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draw -> the axes and the names in the legend."""

    def draw(*args, **kwargs):
        figures = []
        monkeypatch.setattr(Figure, 'savefig', lambda self, *a, **k: figures.append(self))
        plot_against_time(*args, tmp_path / 'x.png', 'accuracy (%)', **kwargs)
        (figure,) = figures
        return figure.axes[0], [text.get_text() for text in figure.legends[0].get_texts()]

    return draw


def test_many_methods_look_different(drawn):
    ax, names = drawn(lines(14), levels={'80%': 11.0, '90%': 12.0, 'none': None})
    assert names[:14] == [f'method {k}' for k in reversed(range(14))]  # best first
    assert names[14:] == ['80%', '90%']
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker())
             for line in ax.lines[:14]}  # fmt: skip
    assert len(looks) == 14
    reference = next(line for line in ax.lines if line.get_label() == 'method 0')
    assert reference.get_color() == 'black' and 'black' not in COLORS
    assert ax.get_xlabel().startswith('minutes') and ax.get_xscale() == 'linear'


def test_times_over_decades_have_a_logarithmic_axis(drawn):
    ax, _ = drawn([*lines(2), *lines(2, end=1000.0)])
    assert ax.get_xscale() == 'log'
