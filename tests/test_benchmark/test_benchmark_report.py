"""Tables and plots of a benchmark whose runs are made up."""

import csv
import json
import statistics

import pytest
from matplotlib.figure import Figure
from mmengine.config import Config

from ssdkd.benchmark import Benchmark, PlanFile, Trainer, make_cells, write_report
from ssdkd.benchmark.cells import mark_failed
from ssdkd.benchmark.plan import Plan
from ssdkd.benchmark.report import Row, ratio_table, read_result
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
    plans = PlanFile(spec.budget, 1, 2, 'python tools/benchmark.py toy.py', {'CPU': 'one'})
    for name in spec.methods:
        plans.methods[name] = Plan(10, 2, 80, 3, 6.0, 6.0)
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
    head, *lines = ratio_table(rows, spec)
    assert head == ['method', 'minutes', 'ratio to Ours', 'seeds that reached']
    assert lines == [
        ['Oracle', '0.40', f'{0.4 / 0.55:.2f}', '1 of 1'],
        ['Ours', '0.55', '1.00', '2 of 2'],
        ['Slow', '1.05', f'{1.05 / 0.55:.2f}', '1 of 2'],
        ['Never | x', 'not reached', '-', '0 of 1'],
    ]


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
    assert '**Not within 10% of the budget:** Slow (+50%).' in text and '--replan' in text
    assert '85.50% accuracy' in text and 'The teacher has 99.00%' in text
    failed = text.split('## Failed')[1]
    assert '**Broken, seed 0**' in failed and 'error: no luck' in failed
    assert 'Broken, seed 1' in text.split('## Not finished')[1]
    assert 'python tools/benchmark.py toy.py' in text and '- CPU: one' in text

    lines = list(csv.DictReader(open(out / 'results.csv')))
    assert len(lines) == 8 and [line['state'] for line in lines[-2:]] == ['failed', 'not run']
    assert lines[0]['minutes_to_threshold'] == '0.7' and lines[3]['minutes_to_threshold'] == ''
    assert lines[0] | dict(last='88.0', best='91.0', best_round='7', rounds='10') == lines[0]
    assert len(list(csv.reader(open(out / 'methods.csv')))) == 5


def test_report_without_any_result(made_up):
    spec, plans, out = made_up
    text = write_report(spec, make_cells(spec, out / 'empty'), plans, out)
    assert 'Ours, seed 0' in text.split('## Not finished')[1]
    assert not (out / 'accuracy_vs_time.png').exists()


def test_replan_by_the_times_of_the_runs(made_up):
    spec, plans, out = made_up
    trainer = Trainer(out / 'train.py', 1, -1)
    cfg = Config(dict(train_cfg=dict(max_rounds=10, warmup_rounds=2, steps_per_round=10)))
    configs = {name: cfg for name in spec.methods}
    Benchmark(spec, configs, out, plans, trainer, print).replan()
    assert plans.methods['slow'].round_seconds == pytest.approx(9.0)
    assert plans.methods['slow'].max_rounds == 7  # 60 s of 9 s each
    assert not (out / 'slow').exists()
    assert plans.methods['ours'].max_rounds == 10 and (out / 'ours/seed_0').exists()
    assert PlanFile.read(out) == plans


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
    ax, names = drawn(lines(14), threshold=12.0, budget=10.0)
    assert names[:14] == [f'method {k}' for k in reversed(range(14))]  # best first
    assert names[14:] == ['90 % of the reference', 'budget']
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker())
             for line in ax.lines[:14]}  # fmt: skip
    assert len(looks) == 14
    reference = next(line for line in ax.lines if line.get_label() == 'method 0')
    assert reference.get_color() == 'black' and 'black' not in COLORS
    assert ax.get_xlabel().startswith('minutes') and ax.get_xscale() == 'linear'


def test_times_over_decades_have_a_logarithmic_axis(drawn):
    ax, _ = drawn([*lines(2), *lines(2, end=1000.0)])
    assert ax.get_xscale() == 'log'


class MadeUpTrainer(Trainer):
    """Leaves, instead of training, 3 warm-up rounds of 1 s and ``rounds`` others of 2 s."""

    rounds, status = 8, 0

    def train(self, config, folder, seed, enough=lambda: False):
        assert not enough()  # nothing has begun yet
        data = folder / '20260101_120000/vis_data'
        data.mkdir(parents=True)
        seconds = [1.0, 2.0, 3.0] + [3.0 + 2.0 * (i + 1) for i in range(self.rounds)]
        lines = [{'seconds/inversion': 0.0, 'seconds/distillation': value, 'step': n}
                 for n, value in enumerate(seconds, 1)]  # fmt: skip
        lines += [dict(loss=1.0, epoch=n, iter=n, step=n) for n in (1,)]
        (data / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
        (folder / 'output.txt').write_text('error: no luck\n')
        assert not enough()
        return self.status


@pytest.mark.parametrize(
    'rounds, status, said',
    [
        (8, 0, '31 rounds (3 of warm-up), 280 student steps'),  # 3 x 1 + 28 x 2 s = 59 s
        (8, 2, 'FAILED: its trial: exit status 2: error: no luck'),
        (0, None, 'FAILED: one round, and the warm-up rounds before it'),
    ],
)
def test_trial(made_up, monkeypatch, rounds, status, said):
    spec, plans, out = made_up
    plans.methods.clear()
    monkeypatch.setattr(MadeUpTrainer, 'rounds', rounds)
    monkeypatch.setattr(MadeUpTrainer, 'status', status)
    cfg = dict(train_cfg=dict(max_rounds=100, warmup_rounds=10, steps_per_round=10))
    cfg = Config(cfg | dict(default_hooks=dict(checkpoint=dict(interval=5))))
    lines = []
    trainer = MadeUpTrainer(out / 'train.py', 1, -1)
    Benchmark(spec, {'ours': cfg}, out, plans, trainer, lines.append).plan()
    assert lines[0].startswith('1 trials') and lines[1].startswith(f'[1/1] Ours: {said}')
    failed = (out / 'ours/trial/failed.txt').is_file()
    assert failed == ('FAILED' in said) == ('ours' not in PlanFile.read(out).methods)
