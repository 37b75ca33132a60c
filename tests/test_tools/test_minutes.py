"""Runs with a budget of time, on a clock that advances by itself."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest
import torch
from helpers import DIGITS, NO_VAL, TINY, as_options, call_tool, save_teacher

from ssdkd.engine import loop
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.runs import read_rounds
from ssdkd.visualization import read_curves

OPTIONS = {k: v for k, v in TINY.items() if k != 'train_cfg.max_rounds'} | NO_VAL
OPTIONS['default_hooks.checkpoint.max_keep_ckpts'] = -1


@pytest.fixture(autouse=True)
def steady_clock(monkeypatch):
    """Each look at the clock takes a hundredth of a second."""
    seconds = 0.0

    def look() -> float:
        nonlocal seconds
        seconds += 0.01
        return seconds

    monkeypatch.setattr(loop, 'time', SimpleNamespace(monotonic=look, perf_counter=look))


@pytest.fixture
def train(tmp_path):
    save_teacher(dict(type='CifarResNet', depth=8), tmp_path / 'teacher.pth', image_size=16)

    def call(name: str, *more: str, others: dict | None = None, **options) -> dict:
        options = {f'train_cfg.{key}': value for key, value in options.items()} | (others or {})
        options = OPTIONS | {'model.teacher.checkpoint': tmp_path / 'teacher.pth'} | options
        arguments = [DIGITS, '--work-dir', tmp_path / name, *more, '--cfg-options']
        call_tool('train.py', *arguments, *as_options(options))
        return read_checkpoint(tmp_path / name / 'student.pth')

    return call


def rounds(run) -> list[dict]:
    return json.loads((run / 'plan.json').read_text())['rounds']


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_a_run_of_long_intervals_is_saved_and_estimated_on_its_way(
    train, tmp_path, monkeypatch
):
    """Its rounds are few, and the config's warm-up rounds are not those of the clock."""
    monkeypatch.setattr(loop, 'APART', 0.1)
    rare = {'default_hooks.checkpoint.interval': 1000}
    train('run', '--minutes', '0.15', warmup_rounds=40, others=rare)
    run = tmp_path / 'run'
    planned = rounds(run)
    warmup = sum(part['steps'] == 0 for part in planned)
    assert 0 < warmup < 40 < len(planned)
    assert len(list(run.glob('round_*.pth'))) >= 15
    estimates = list(read_curves(run).scalars['estimate/kappa'])
    assert estimates[0] < warmup + 15 and len(estimates) > 3

    # Killed after the last round and before its summary: it goes on to its end.
    (run / 'summary.json').unlink()
    train('run', '--resume', '--minutes', '0.15', warmup_rounds=40, others=rare)
    assert (run / 'summary.json').is_file()


def test_a_budget_does_not_go_with_a_plan(train, tmp_path, capfd):
    train('run', '--minutes', '0.03')
    plan = tmp_path / 'run/plan.json'
    with pytest.raises(SystemExit):
        train('again', '--minutes', '0.05', plan=plan)
    assert '--minutes 0.05: train_cfg.plan=' in capfd.readouterr().err
    train('again', plan=plan)
    short = json.loads(plan.read_text())
    short['rounds'] = short['rounds'][:3]
    (tmp_path / 'short.json').write_text(json.dumps(short))
    capfd.readouterr()
    train('again', '--resume', plan=plan)
    assert f'This run is finished (as planned in {plan})' in capfd.readouterr().out
    with pytest.raises(SystemExit):
        train('again', '--resume', plan=tmp_path / 'short.json')
    assert 'train_cfg.plan' in capfd.readouterr().err


def test_minutes_plan_a_run_that_a_saved_plan_repeats(train, tmp_path):
    student = train('run', '--minutes', '0.03')
    planned = rounds(tmp_path / 'run')

    assert planned[0]['steps'] == 0 and planned[-1]['after'] == 1
    assert read_rounds(tmp_path / 'run')[-1]['elapsed'] == pytest.approx(1.8, rel=0.1)
    last = read_checkpoint(tmp_path / f'run/round_{len(planned)}.pth')
    assert last['optimizer']['student']['param_groups'][0]['lr'] < 1e-5
    assert last['meta']['iter'] == sum(part['steps'] for part in planned)
    (log,) = (tmp_path / 'run').glob('*/*.log')
    assert re.search(r'Round \[2, 0\.0/0\.03 min\]', log.read_text())
    assert 'Plan  about' in log.read_text()
    times_left = re.findall(r'eta: (\S+)', log.read_text())
    assert sorted(set(times_left), reverse=True) == ['0:00:01', '0:00:00']
    assert times_left == sorted(times_left, reverse=True)

    again = train('again', plan=tmp_path / 'run/plan.json')
    assert equal(student, again)
    assert not (tmp_path / 'again/plan.json').exists()


@pytest.mark.parametrize('minutes', ['0.002', '0.01'])
def test_a_budget_that_is_too_short(train, tmp_path, minutes):
    """It is said once, also where it ends before a step could be measured."""
    train('run', '--minutes', minutes)
    (log,) = (tmp_path / 'run').glob('*/*.log')
    (said,) = re.findall(rf'minutes={minutes} is too short: .*', log.read_text())
    rounds_of_student = sum(part['steps'] > 0 for part in rounds(tmp_path / 'run'))
    told = int(re.search(r'it has room for about (\d+) round', said)[1])
    assert abs(told - rounds_of_student) <= 1
    assert re.search(r'minutes=0\.\d would suffice for 20$', said)


def test_a_resumed_run_counts_the_time_before(train, tmp_path):
    train('run', '--minutes', '0.03')
    whole = rounds(tmp_path / 'run')
    half = len(whole) // 2
    for number in range(half + 1, len(whole) + 1):
        (tmp_path / f'run/round_{number}.pth').unlink()
    spent = read_rounds(tmp_path / 'run')[half - 1]['elapsed']
    # The pause between the two starts is no part of it.
    train('run', '--resume', '--minutes', '0.03')
    resumed = rounds(tmp_path / 'run')

    assert resumed[:half] == whole[:half] and resumed[-1]['after'] == 1
    log = read_rounds(tmp_path / 'run')
    assert spent < log[half]['elapsed'] < log[-1]['elapsed'] == pytest.approx(1.8, rel=0.15)


def test_a_finished_run_goes_on_with_more_minutes(train, tmp_path, capfd):
    train('run', '--minutes', '0.02')
    short = rounds(tmp_path / 'run')
    shutil.copytree(tmp_path / 'run', tmp_path / 'copy')
    train('copy', '--resume', '--minutes', '0.02')
    assert 'This run is finished (0.02 minutes)' in capfd.readouterr().out
    assert rounds(tmp_path / 'copy') == short
    train('run', '--resume', '--minutes', '0.04')
    longer = rounds(tmp_path / 'run')

    assert len(longer) > len(short)
    assert longer[len(short) - 1]['after'] < 0.6  # another share of another budget
    assert longer[-1]['after'] == 1


def test_a_machine_that_stops_for_long(train, tmp_path, monkeypatch):
    """It stops in round 5 for longer than the budget."""
    run_round, late = loop.DistillLoop.run_round, []
    monotonic = loop.time.monotonic

    def stopping(self):
        run_round(self)
        late.extend([10.0] * (self.epoch == 5))

    monkeypatch.setattr(loop.DistillLoop, 'run_round', stopping)
    monkeypatch.setattr(loop.time, 'monotonic', lambda: monotonic() + sum(late))
    train('run', '--minutes', '0.03')
    (log,) = (tmp_path / 'run').glob('*/*.log')

    assert len(rounds(tmp_path / 'run')) == 5
    assert re.search(r'The machine slowed down, .* \(\d+\.\d% of it\)', log.read_text())
    assert 'Summary' in log.read_text()


@pytest.mark.parametrize('first, second', [({}, 0.05), (0.02, {})])
def test_rounds_and_minutes_do_not_mix(train, first, second, capfd):
    def options(minutes):
        return (['--minutes', str(minutes)], {}) if minutes else ([], dict(max_rounds=3))

    more, settings = options(first)
    train('run', *more, **settings)
    more, settings = options(second)
    with pytest.raises(SystemExit):
        train('run', '--resume', *more, **settings)
    assert 'train_cfg.minutes: ' in ''.join(capfd.readouterr())


@pytest.mark.parametrize('minutes', ['0', '-1', 'nan', 'inf'])
def test_minutes_that_are_no_budget(train, minutes, capfd):
    with pytest.raises(SystemExit):
        train('run', '--minutes', minutes)
    assert 'train_cfg.minutes' in capfd.readouterr().err
