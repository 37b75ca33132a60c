"""The clock against machines that are simulated, in seconds that nobody waits for."""

import itertools
import json
import math

import numpy as np
import pytest
from mmengine.optim import CosineAnnealingLR
from torch import nn, optim

from ssdkd.engine.plan import PARTS, Clock, FixedPlan, Round, SavedPlan, by_time
from ssdkd.errors import ConfigError


def simulate(
    clock, phase=2.0, step=0.1, rest=0.05, validation=1.0, speed=lambda spent: 1.0, spent=0.0
):
    """Let the clock plan a run on a machine -> its rounds and the seconds that they took."""
    rounds = []
    for done in itertools.count(len(clock.rounds)):
        planned = clock.next(done, spent)
        if planned is None:
            return rounds, spent
        slow = speed(spent)
        costs = slow * phase, slow * step * planned.steps, slow * rest
        spent += sum(costs)
        clock.observe(*costs)
        rounds.append(planned)
        due = clock.val_interval and (done + 1) % clock.val_interval == 0
        if clock.val_points:
            due = planned.passes(clock.val_points)
        if clock.val_interval and (due or planned.after == 1):
            spent += validation
            clock.observe_validation(validation)


@pytest.mark.parametrize('minutes', [1, 3, 10, 100])
@pytest.mark.parametrize('phase, step', [(2.0, 0.1), (0.5, 0.5), (8.0, 0.02)])
@pytest.mark.parametrize('val_interval', [None, 5])
def test_a_run_ends_with_its_budget_and_its_schedule(minutes, phase, step, val_interval):
    rounds, spent = simulate(Clock(minutes, 0.15, 20, val_interval), phase, step)

    longest = 2 * phase + 20 * step  # what nothing can divide, in the shortest budget
    assert abs(spent - 60 * minutes) < max(0.03 * 60 * minutes, longest / 2)
    if minutes >= 3:
        assert abs(spent / (60 * minutes) - 1) < 0.03
    shares = [r for r in rounds if r.steps]
    assert shares[0].before == 0 and shares[-1].after == 1
    assert all(r.before <= r.after for r in shares)
    assert all(a.after == b.before for a, b in itertools.pairwise(shares))


def test_the_warm_up_takes_its_share_and_comes_first():
    rounds, _ = simulate(Clock(10, 0.25, 20, None), phase=2.0, rest=0.0)

    warmup = [not r.steps for r in rounds]
    assert sum(warmup) * 2.0 == pytest.approx(0.25 * 600, abs=2)
    assert warmup == sorted(warmup, reverse=True)


def test_no_share_no_warm_up():
    rounds, _ = simulate(Clock(2, 0.0, 20, None))

    assert all(r.steps for r in rounds)


def test_learning_rates_follow_the_time_that_has_passed():
    rounds, spent = simulate(Clock(10, 0.2, 20, None), phase=2.0, step=0.1, rest=0.0)

    start = sum(2.0 for r in rounds if not r.steps)
    now = start
    for part in [r for r in rounds if r.steps][:-1]:
        now += 2.0 + 0.1 * part.steps
        assert part.after == pytest.approx((now - start) / (600 - start), abs=0.005)


@pytest.mark.parametrize('factor', [0.5, 1.5, 3.0])
def test_a_change_of_speed_changes_the_plan_and_not_the_end(factor):
    steady, _ = simulate(Clock(10, 0.15, 20, 5))
    rounds, spent = simulate(Clock(10, 0.15, 20, 5), speed=lambda s: factor if s > 250 else 1)

    assert abs(spent / 600 - 1) < 0.03
    assert rounds[-1].after == 1
    assert (sum(r.steps for r in rounds) < sum(r.steps for r in steady)) == (factor > 1)


def test_an_unsteady_machine():
    rng = np.random.default_rng(0)
    for _ in range(20):
        rounds, spent = simulate(Clock(10, 0.15, 20, 5), speed=lambda s: rng.uniform(0.7, 1.5))

        assert abs(spent / 600 - 1) < 0.03
        assert rounds[-1].after == 1


def test_a_short_budget_gives_the_student_half_of_its_time():
    rounds, _ = simulate(Clock(0.5, 0.15, 20, None), phase=1.0, step=0.1, rest=0.0)

    steps = [r.steps for r in rounds if r.steps][1:]
    assert min(steps) * 0.1 >= 0.8  # seconds, beside 1 s of the generator


@pytest.mark.parametrize('phase, step', [(2.0, 0.1), (0.5, 0.5), (8.0, 0.02)])
@pytest.mark.parametrize('val_interval', [None, 5])
def test_the_budget_that_suffices(phase, step, val_interval):
    """In it 20 rounds of the student fit and the schedule ends; in half of it they do not."""
    short = Clock(0.3, 0.15, 20, val_interval)
    simulate(short, phase, step)
    needed = short.sufficient / 60
    for minutes, fits in ((needed * 1.05, True), (needed / 2, False)):
        clock = Clock(minutes, 0.15, 20, val_interval)
        rounds, _ = simulate(clock, phase, step)
        assert rounds[-1].after == 1
        assert (sum(r.steps > 0 for r in rounds) >= 19) == fits, minutes


def test_resumed_time_counts():
    first = Clock(10, 0.15, 20, None)
    spent = 0.0
    for done in range(40):
        part = first.next(done, spent)
        costs = 2.0, 0.1 * part.steps, 0.05
        spent += sum(costs)
        first.observe(*costs)
    second = Clock(10, 0.15, 20, None)
    second.load(json.loads(json.dumps(first.state())), spent)
    rounds, end = simulate(second, spent=spent)

    assert second.rounds[:40] == first.rounds
    assert abs(end / 600 - 1) < 0.03
    assert rounds[0].before == first.rounds[-1].after and rounds[-1].after == 1


def test_a_long_run_keeps_pace_from_its_first_step_on_and_after_each_resume():
    """Five steps that measure the cost are not a twentieth of a night."""
    clock, spent, off = Clock(480, 0.15, 20, 5, 20), 0.0, []
    for done in range(4000):
        if done in (2000, 3000):
            state = json.loads(json.dumps(clock.state()))
            clock = Clock(480, 0.15, 20, 5, 20)
            clock.load(state, spent)
        part = clock.next(done, spent)
        costs = 2.0, 0.1 * part.steps, 0.05
        spent += sum(costs)
        clock.observe(*costs)
        if part.steps:
            true = (spent - clock.student_start) / (clock.seconds - clock.student_start)
            off.append(abs(part.after - true))
            assert len(off) == 1 or part.steps > 15, 'the cost of a step is known'
    assert len(off) > 1500 and max(off) < 0.002


def test_nothing_is_known_of_a_run_without_a_step():
    assert Clock(10, 0.15, 20, 5, 20).sufficient == 0


def test_a_budget_that_is_spent_is_refused():
    first = Clock(10, 0.0, 20, None)
    simulate(first)
    Clock(10, 0.0, 20, None).load(first.state(), 599.0)  # the same budget: it is finished
    with pytest.raises(ConfigError, match='minutes=5: the run has taken 9.98 min'):
        Clock(5, 0.0, 20, None).load(first.state(), 599.0)


def test_a_plan_of_a_run_with_two_budgets_is_refused(tmp_path):
    first = Clock(10, 0.0, 20, None)
    for done in range(40):
        part = first.next(done, 7.5 * done)
        first.observe(2.0, 0.1 * part.steps, 0.0)
    second = Clock(20, 0.0, 20, None)
    second.load(first.state(), 300.0)
    third = Clock(20, 0.0, 20, None)
    third.load(second.state(), 300.0)
    for clock, message in ((first, None), (second, 'other minutes'), (third, 'other minutes')):
        (tmp_path / 'plan.json').write_text(json.dumps(clock.state()))
        if message is None:
            assert SavedPlan(tmp_path / 'plan.json').rounds == first.rounds
            continue
        with pytest.raises(ConfigError, match=message):
            SavedPlan(tmp_path / 'plan.json')


@pytest.mark.parametrize('minutes', [8, 20])
def test_resumed_with_another_budget_the_share_is_another_one(minutes):
    first = Clock(10, 0.0, 20, None)
    for done in range(40):
        part = first.next(done, 7.5 * done)
        first.observe(2.0, 0.1 * part.steps, 0.0)
    second = Clock(minutes, 0.0, 20, None)
    second.load(first.state(), 300.0)

    assert second.rounds[-1].after == pytest.approx(300 / (60 * minutes))


def test_a_finished_run_is_finished():
    clock = Clock(1, 0.15, 20, None)
    simulate(clock)

    assert clock.finished and clock.next(len(clock.rounds), 0.0) is None


def test_the_parts_of_a_round_end_where_the_next_one_begins():
    first, second = Round(10, 0.2, 0.3), Round(5, 0.3, 1.0)
    parts = [r.part(step) for r in (first, second) for step in range(r.steps)]

    assert parts == sorted(parts)
    assert parts[9] == math.floor(0.3 * (PARTS - 1)) and parts[-1] == PARTS - 1


def test_a_schedule_by_time_is_the_cosine_of_the_share():
    optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    config = by_time(dict(type='CosineAnnealingLR', by_epoch=False))
    config.pop('type')
    schedule = CosineAnnealingLR(optimizer, **config)
    for part in range(10):
        planned = Round(4, part / 10, (part + 1) / 10)
        for step in range(4):
            optimizer.step()
            while schedule.last_step < planned.part(step):
                schedule.step()
            share = (part + (step + 1) / 4) / 10
            assert optimizer.param_groups[0]['lr'] == pytest.approx(
                0.05 * (1 + math.cos(math.pi * share)), abs=1e-4
            )


@pytest.mark.parametrize(
    'change', [dict(by_epoch=True), dict(T_max=100), dict(end=10), dict(begin=5), {}]
)
def test_a_schedule_that_counts_is_refused(change):
    schedule = dict(type='CosineAnnealingLR', by_epoch=False) | change
    if not change:
        del schedule['by_epoch']  # True is mmengine's default
    with pytest.raises(ConfigError, match=r'param_scheduler\.student\.0: CosineAnnealingLR'):
        by_time(dict(student=[schedule]))


def test_a_fixed_plan():
    plan = FixedPlan(3, 1, 7)

    first, second = Round(7, 0.0, 0.5), Round(7, 0.5, 1.0)
    assert [plan.next(done, 1e9) for done in range(4)] == [Round(0), first, second, None]


@pytest.mark.parametrize('rounds', [5, 20, 33, 200, 1999])
def test_points_are_evenly_spread_over_rounds_and_the_last_round_is_one(rounds):
    plan = FixedPlan(rounds + 3, 3, 7)
    passed = [plan.next(done, 0.0).passes(20) for done in range(rounds + 3)]
    where = [number for number, here in enumerate(passed) if here]

    assert len(where) == min(rounds, 20) and where[0] >= 3 and where[-1] == rounds + 2
    assert max(np.diff(where)) <= math.ceil(rounds / 20)


@pytest.mark.parametrize('phase, step', [(2.0, 0.1), (0.01, 0.05), (60.0, 0.1)])
def test_points_by_the_clock_take_their_time_from_the_budget(phase, step):
    """A validation of 3 s, 20 times in 10 minutes."""
    rounds, spent = simulate(Clock(10, 0.15, 20, 1, 20), phase, step, validation=3.0)
    where = [part.after for part in rounds if part.passes(20)]

    assert abs(spent / 600 - 1) < 0.03 and where[-1] == 1
    assert len(where) == min(20, sum(part.steps > 0 for part in rounds))
    assert phase > 30 or max(np.diff(where)) < 0.11


def test_a_round_of_few_steps_keeps_them():
    """Methods without a store have five steps per round, with as many new batches."""
    rounds, _ = simulate(Clock(3, 0.0, 5, None), phase=0.05, step=0.05, rest=0.001)

    steps = [part.steps for part in rounds][1:]
    assert np.median(steps) == 5 and np.mean(steps) == pytest.approx(5, abs=0.1)


def test_a_saved_plan(tmp_path):
    clock = Clock(1, 0.15, 20, None)
    rounds, _ = simulate(clock)
    path = tmp_path / 'plan.json'
    path.write_text(json.dumps(clock.state()))
    plan = SavedPlan(path)

    assert [plan.next(done, 0.0) for done in range(len(rounds) + 1)] == [*rounds, None]


def test_a_saved_plan_that_is_none(tmp_path):
    (tmp_path / 'plan.json').write_text('{}')
    with pytest.raises(ConfigError, match='train_cfg.plan'):
        SavedPlan(tmp_path / 'plan.json')
    with pytest.raises(ConfigError, match='train_cfg.plan'):
        SavedPlan(tmp_path / 'missing.json')
