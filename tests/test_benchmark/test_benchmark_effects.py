"""Effects of parts over a factorial: against t tests of scipy and a simulation."""

import csv
import itertools
import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from ssdkd.benchmark import make_cells, make_spec
from ssdkd.benchmark.effects import main_effects, write_effects
from ssdkd.benchmark.variant_table import mean_interval


def triples(effects):
    return np.array([(e.mean, e.low, e.high) for e in effects])


def test_one_part_and_one_seed_is_the_t_test_of_two_samples():
    rng = np.random.default_rng(0)
    on, off = rng.normal(60, 3, 8), rng.normal(55, 3, 8)
    levels = [dict(part=True)] * 8 + [dict(part=False)] * 8
    (found,) = triples(main_effects(levels, [0] * 16, [*on, *off]))
    interval = stats.ttest_ind(on, off).confidence_interval(0.95)
    np.testing.assert_allclose(found, [on.mean() - off.mean(), *interval], rtol=1e-10)


def test_one_part_with_seeds_as_blocks_is_the_paired_t_test():
    rng = np.random.default_rng(1)
    luck = rng.normal(0, 10, 6)
    on, off = rng.normal(60, 1, 6) + luck, rng.normal(58, 1, 6) + luck
    levels = [dict(part=True)] * 6 + [dict(part=False)] * 6
    (found,) = triples(main_effects(levels, [*range(6)] * 2, [*on, *off]))
    interval = stats.ttest_rel(on, off).confidence_interval(0.95)
    np.testing.assert_allclose(found, [on.mean() - off.mean(), *interval], rtol=1e-10)


def fraction():
    """2^(6-2) with five seeds: levels and seeds of 80 runs."""
    cells = []
    for a, b, c, d in itertools.product([1, -1], repeat=4):
        signs = (a, b, c, d, a * b * c, b * c * d)
        cells.append({name: sign > 0 for name, sign in zip('abcdef', signs)})
    return [on for on in cells for _ in range(5)], [*range(5)] * 16


def test_a_balanced_fraction_gives_plain_differences_of_means():
    levels, seeds = fraction()
    results = np.random.default_rng(2).normal(50, 5, 80)
    for effect in main_effects(levels, seeds, results):
        on = np.array([level[effect.part] for level in levels])
        assert effect.mean == pytest.approx(results[on].mean() - results[~on].mean())
        assert effect.low < effect.mean < effect.high


def test_interactions_of_two_parts_do_not_move_main_effects():
    levels, seeds = fraction()
    results = [50 + 3 * on['a'] + 8 * (on['b'] and on['e']) + 2 * on['f'] for on in levels]
    found = {e.part: e.mean for e in main_effects(levels, seeds, results)}
    assert found == pytest.approx(dict(a=3, b=4, c=0, d=0, e=4, f=2), abs=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say():
    levels, seeds = fraction()
    truth = np.array([3.0, -1.0, 0.0, 0.5, 2.0, 0.0])
    signs = np.array([[1 if on[name] else -1 for name in 'abcdef'] for on in levels])
    rng, held = np.random.default_rng(3), []
    for _ in range(300):
        luck = rng.normal(0, 5, 5)[seeds]
        found = triples(
            main_effects(levels, seeds, signs @ truth / 2 + luck + rng.normal(0, 4, 80))
        )
        held.append((found[:, 1] <= truth) & (truth <= found[:, 2]))
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_too_few_runs_give_no_effects():
    levels, seeds = fraction()
    assert main_effects([], [], []) == []
    assert main_effects(levels[:10], seeds[:10], [1.0] * 10) == []  # two of the settings


def test_interval_of_a_mean_against_scipy():
    values = [53.5, 37.6, 44.0]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(mean_interval(values), [*expected])


@pytest.fixture
def made_up(tmp_path):
    """Two budgets of two switches and two seeds; ``a`` adds 3, in the second budget 1."""
    specs, cells = {}, {}
    for folder, effect in (('10_minutes', 3), ('30_minutes', 1)):
        switches = dict(a={'x.a': 1}, b_c={'x.b': 1})
        raw = dict(base=dict(config='c.py'), switches=switches, seeds=[0, 1])
        spec = make_spec(raw | dict(budget=dict(minutes=int(folder[:2]))), tmp_path / 's.py')
        specs[folder], cells[folder] = spec, make_cells(spec, tmp_path / folder)
        for cell in cells[folder]:
            on = spec.levels[cell.method.name]
            noise = 0.1 * (cell.seed + on['b_c'] + cell.seed * on['b_c'] * on['a'])
            cell.folder.mkdir(parents=True)
            summary = dict(student_accuracy=50 + effect * on['a'] + noise, rounds=1,
                           teacher_accuracy=90, inversion_seconds=1, distillation_seconds=1,
                           buffer_samples=1, student_steps=1)  # fmt: skip
            (cell.folder / 'summary.json').write_text(json.dumps(summary))
    return specs, cells, tmp_path


def test_table_and_plot_of_all_budgets(made_up, monkeypatch):
    specs, cells, out = made_up
    figures = []
    monkeypatch.setattr(Figure, 'savefig', lambda self, *a, **k: figures.append(self))
    text = write_effects(specs, cells, out)
    assert text == (out / 'effects.md').read_text() and 'over 8 and 8 runs' in text
    assert '| part | 10 minutes | 30 minutes |' in text
    (row,) = [line for line in text.splitlines() if line.startswith('| a |')]
    assert row.startswith('| a | +3.03 [+2.9') and '| +1.03 [+0.9' in row
    lines = list(csv.DictReader(open(out / 'effects.csv')))
    assert [(line['budget'], line['part']) for line in lines] == [
        ('10 minutes', 'a'), ('10 minutes', 'b_c'), ('30 minutes', 'a'), ('30 minutes', 'b_c')
    ]  # fmt: skip
    ax, (legend,) = figures[0].axes[0], figures[0].legends
    assert [label.get_text() for label in ax.get_yticklabels()] == ['a', 'b c']
    assert [t.get_text() for t in legend.get_texts()] == ['10 minutes', '30 minutes']
    assert 'accuracy (%) with the part minus without it' in ax.get_xlabel()
    assert {t.get_text() for t in ax.texts} >= {'+3.0', '+1.0'}


def test_effects_wait_for_enough_runs(made_up):
    specs, cells, out = made_up
    few = {key: part[:1] for key, part in cells.items()}
    assert 'Too few runs' in write_effects(specs, few, out)
    assert not (out / 'effects.png').exists()
