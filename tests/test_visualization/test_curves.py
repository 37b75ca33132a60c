import pytest
from fake_run import start

from ssdkd.visualization import plot_curves, read_curves


def test_a_resumed_run_is_one_curve(work_dir):
    curves = read_curves(work_dir)
    assert list(curves.scalars['divergence']) == [1, 2, 3, 4, 5, 6]
    assert curves.metrics == {'accuracy': {2: 20, 4: 40, 6: 60}}
    # Rounds 3 and 4 of the first start were lost with it; the second took up after round 2.
    assert curves.minutes[2] == pytest.approx(1)
    assert curves.minutes[6] == pytest.approx(1 + (4 * 30 - 1) / 60)


def test_a_fresh_start_discards_the_one_before(work_dir):
    start(work_dir, '20260101_120002', range(1, 3))
    curves = read_curves(work_dir)
    assert list(curves.scalars['divergence']) == [1, 2]
    assert curves.metrics == {'accuracy': {2: 20}}


def test_bookkeeping_is_no_curve(work_dir):
    assert set(read_curves(work_dir).scalars) == {
        'loss', 'divergence', 'inversion_bn', 'agreement', 'buffer/class_ratio'}  # fmt: skip


def test_without_rounds_jsonl_there_are_no_minutes(work_dir):
    (work_dir / 'rounds.jsonl').unlink()
    curves = read_curves(work_dir)
    assert curves.minutes == {} and len(curves.metrics['accuracy']) == 3
    plot_curves(curves, work_dir / 'curves.png')
    assert (work_dir / 'curves.png').stat().st_size > 1000


def test_an_empty_folder_has_no_curves(tmp_path):
    curves = read_curves(tmp_path)
    assert curves.scalars == curves.metrics == curves.minutes == {}
