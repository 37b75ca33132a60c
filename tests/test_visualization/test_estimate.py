"""The estimate without data beside the val set."""

import json

import numpy as np
import pytest
from helpers import call_tool

from ssdkd.errors import ConfigError
from ssdkd.visualization.estimate import (
    Estimates,
    check_comparable,
    left_out_errors,
    mean_error,
    rank_correlation,
    read_estimates,
    runs_in,
)


def work_dir(folder, kappas, accuracies):
    """The scalars of a run with an estimate every 2 rounds, and a validation every 4."""
    start = folder / '20260101_000000/vis_data'
    start.mkdir(parents=True)
    lines = [{'epoch': n, 'step': n, 'loss': 1.0} for n in range(1, 13)]
    lines += [{'estimate/kappa': k, 'step': 2 * (n + 1)} for n, k in enumerate(kappas)]
    lines += [{'accuracy': a, 'step': 4 * (n + 1)} for n, a in enumerate(accuracies)]
    (start / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return folder


def test_the_metric_between_two_validations(tmp_path):
    run = read_estimates(work_dir(tmp_path / 'a', [0.1, 0.2, 0.3, 0.4], [20, 40]))
    assert run.label == 'a' and run.metric == 'accuracy'
    assert run.kappa.tolist() == [0.2, 0.3, 0.4] and run.measured.tolist() == [20, 30, 40]


def test_a_run_of_segmentation_that_has_not_ended(tmp_path):
    folder = work_dir(tmp_path / 'a', [0.1, 0.2, 0.3, 0.4], [])
    file = folder / '20260101_000000/vis_data/scalars.json'
    lines = [{'aAcc': 90 + n, 'mIoU': 10 * n, 'step': 4 * n} for n in (1, 2)]
    file.write_text(file.read_text() + ''.join(json.dumps(line) + '\n' for line in lines))
    run = read_estimates(folder)
    assert run.metric == 'mIoU' and run.measured.tolist() == [10, 15, 20]


def test_correlation_by_hand():
    """Ranks 1 2 3 4 and 1 3 2 4: 1 - 6 * (0 + 1 + 1 + 0) / (4 * 15) = 0.8."""
    runs = [
        Estimates('a', 'accuracy', np.array([0.1, 0.2]), np.array([10.0, 50.0])),
        Estimates('b', 'accuracy', np.array([0.3, 0.4]), np.array([40.0, 90.0])),
    ]
    value, low, high = rank_correlation(runs)
    assert value == pytest.approx(0.8) and low <= value <= high


def test_a_run_is_predicted_from_the_others_alone():
    line = np.array([0.0, 0.5, 1.0])
    runs = [
        Estimates('a', 'accuracy', line, 100 * line),
        Estimates('b', 'accuracy', line, 100 * line),
        Estimates('c', 'accuracy', np.array([0.5]), np.array([80.0])),
    ]
    # a and b pool with c's 80 at 0.5: (50 + 80) / 2 = 65 there.
    errors = left_out_errors(runs)
    assert np.concatenate(errors) == pytest.approx([0, 15, 0, 0, 15, 0, -30])
    value, low, high = mean_error(errors)
    # Means of each run alone are 5, 5 and 30: any draw of three runs is between.
    assert value == pytest.approx(60 / 7) and 5 <= low < value < high <= 30


def test_runs_of_a_benchmark_have_their_methods_names_and_one_metric(tmp_path):
    run = read_estimates(work_dir(tmp_path / 'dfq/seed_1', [0.1, 0.2, 0.3, 0.4], [20, 40]))
    assert run.label == 'dfq/seed_1'
    other = Estimates('b', 'mIoU', np.array([0.1]), np.array([10.0]))
    with pytest.raises(ConfigError, match="'dfq/seed_1' has accuracy and 'b' mIoU"):
        check_comparable([run, other])


def test_command(tmp_path, monkeypatch, capsys):
    kappas = np.array([0, 0.1, 0.15, 0.2, 0.25, 0.3])
    runs = [
        work_dir(tmp_path / name, [0, *(kappas[1:] + more).round(2).tolist()], [20, 40, 60])
        for name, more in (('a', 0), ('b', 0.1))
    ]
    monkeypatch.chdir(tmp_path)
    call_tool('analysis_tools/plot_estimate.py', *runs)
    said = capsys.readouterr().out
    assert 'a: 5 estimates, kappa 0.10 to 0.30, accuracy 20.0 to 60.0' in said
    assert "Spearman's rank correlation: 0.820" in said  # 66 / sqrt(81 * 80)
    assert (tmp_path / 'estimate.png').is_file()
    call_tool('analysis_tools/plot_estimate.py', runs[0])
    assert 'rank correlation: 1.000\n' in capsys.readouterr().out  # no interval of one run


def test_the_folder_of_a_benchmark_stands_for_its_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for run in ('bench/ssdkd/seed_1', 'bench/ssdkd/seed_0', 'bench/fast2/seed_0', 'other'):
        work_dir(tmp_path / run, [0.1, 0.2, 0.3, 0.4], [20, 40])
    runs = runs_in(['bench', 'other'])
    expected = ['bench/fast2/seed_0', 'bench/ssdkd/seed_0', 'bench/ssdkd/seed_1', 'other']
    assert list(map(str, runs)) == expected
    call_tool('analysis_tools/plot_estimate.py', 'bench')
    assert 'fast2/seed_0: 3 estimates' in capsys.readouterr().out


def test_a_run_without_estimates_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match='has no estimate between its first and last validation'
    ):
        read_estimates(work_dir(tmp_path / 'a', [], [20, 40]))
