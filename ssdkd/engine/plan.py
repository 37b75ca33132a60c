"""What the rounds of a run do: a fixed schedule, the clock, or an earlier run's plan."""

import json
import statistics
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ssdkd.errors import ConfigError

# With a clock, learning rates change with the share of the student's time that has passed,
# counted in this many parts; mmengine's schedules take one step per part.
PARTS = 10_000
FEWEST_ROUNDS = 20  # that train the student; a short budget takes fewer steps per round
FIRST_STEPS = 5  # of the first such round, which measures what a step costs
FIRST_SHARE = 0.001  # of the student's time, for that round where nothing is known
OVERRUN = 0.01  # of the budget: the latest moment for a last round, which ends the schedule
MEASURED = 5  # rounds by which the clock judges
# Keys of a schedule that count rounds or steps, of which a clock knows no number beforehand.
COUNTS = (
    'begin',
    'end',
    'T_max',
    'milestones',
    'step_size',
    'total_steps',
    'periods',
    'convert_to_iter_based',
)


@dataclass(frozen=True)
class Round:
    """What one round does.

    Attributes:
        steps: Student steps after the generator phase; 0 in a warm-up round.
        before: Share of the student's training that has passed before the round, in [0, 1]:
            of its rounds, or by the clock of its time.
        after: The same after the round. A run ends with a round whose ``after`` is 1.
    """

    steps: int
    before: float = 0.0
    after: float = 0.0

    def part(self, step: int) -> int:
        """The part of the schedule, of :data:`PARTS`, that is due after a step of the round."""
        share = self.before + (self.after - self.before) * (step + 1) / self.steps
        return int(share * (PARTS - 1))

    def passes(self, points: int) -> bool:
        """Whether it passes one of a number of points, evenly over the student's training."""
        return int(self.after * points) > int(self.before * points)


class Plan(Protocol):
    """What the loop asks before each round."""

    def next(self, done: int, spent: float) -> Round | None:
        """What the next round does; None if the run is finished.

        Args:
            done: Rounds so far.
            spent: Seconds so far, those before a resumption included.
        """


@dataclass
class FixedPlan:
    """A number of rounds, of which the first ones warm up.

    Args:
        max_rounds: Rounds in all.
        warmup_rounds: Rounds of the generator phase alone.
        steps_per_round: Student steps of the others.
    """

    max_rounds: int
    warmup_rounds: int
    steps_per_round: int

    def next(self, done: int, spent: float) -> Round | None:
        if done >= self.max_rounds:
            return None
        if done < self.warmup_rounds:
            return Round(0)
        number, rounds = done - self.warmup_rounds, self.max_rounds - self.warmup_rounds
        return Round(self.steps_per_round, number / rounds, (number + 1) / rounds)


class SavedPlan:
    """The rounds of an earlier run, which gives the same student to the bit.

    Args:
        path: ``plan.json`` of that run.

    Raises:
        ConfigError: It is not such a file.
    """

    def __init__(self, path: str | Path):
        self.path = path
        try:
            state = json.loads(Path(path).read_text())
            self.rounds = [Round(**part) for part in state['rounds']]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"train_cfg.plan: '{path}' is not the plan.json of a run "
                f'({type(error).__name__}: {error}); give the one in a work directory of a run '
                'with train_cfg.minutes'
            ) from error
        if state.get('changed'):
            raise ConfigError(
                f"train_cfg.plan: the run of '{path}' was resumed with other minutes, which "
                'changed its learning rates on the way; no plan can repeat it'
            )

    def next(self, done: int, spent: float) -> Round | None:
        return self.rounds[done] if done < len(self.rounds) else None


class Clock:
    """Plans each round by what those before it took, so that time and schedule end as one.

    The budget begins with the first round and holds all that follows: generator phases, student
    steps, validation, checkpoints. A first share of it warms the generator up. What is left is
    divided into rounds of one generator phase and ``steps`` student steps each; a round gets
    more or fewer steps so that a whole number of rounds fits. If the machine slows down, fewer
    rounds fit.

    Args:
        minutes (float): The budget.
        warmup_share (float): Share of the budget for the warm-up, in [0, 1).
        steps (int): Student steps per round.
        val_interval (int | None): Rounds between validations; None without a val set.
        val_points (int | None): Validations in all, in place of ``val_interval``.
    """

    def __init__(
        self,
        minutes: float,
        warmup_share: float,
        steps: int,
        val_interval: int | None,
        val_points: int | None = None,
    ):
        self.seconds = 60 * minutes
        self.warmup_share = warmup_share
        self.steps = steps
        self.val_interval = val_interval
        self.val_points = val_points
        self.rounds: list[Round] = []
        self.changed = False  # whether the run was resumed with another budget
        self.student_start: float | None = None  # seconds before the first student step
        self.rounds_left = 1  # that train the student, as far as it can be told
        self._inversion: deque[float] = deque(maxlen=MEASURED)  # seconds per generator phase
        self._step_rounds = 0
        self._step: deque[float] = deque(maxlen=MEASURED)  # seconds per student step
        self._rest: deque[float] = deque(maxlen=2 * MEASURED)  # logs, checkpoints, pictures
        self._validation = 0.0  # seconds of the last one

    def observe(self, inversion: float, distillation: float, rest: float) -> None:
        """Take note of the seconds that a round took.

        Args:
            inversion: Its generator phase.
            distillation: Its student steps.
            rest: What else it took, without validation.
        """
        self._inversion.append(inversion)
        if self.rounds[-1].steps:
            if not self.measured:
                self._step.clear()  # the first steps of a run prepare kernels
            self._step.append(distillation / self.rounds[-1].steps)
            self._step_rounds += 1
        self._rest.append(rest)

    def observe_validation(self, seconds: float) -> None:
        """Take note of how long a validation took."""
        self._validation = seconds

    @property
    def measured(self) -> bool:
        """Whether it is known what a student step costs, without the first ones."""
        return self._step_rounds > 1

    @property
    def finished(self) -> bool:
        """Whether the last round has been planned."""
        return bool(self.rounds) and self.rounds[-1].after == 1

    @property
    def sufficient(self) -> float:
        """The shortest budget for a whole schedule, in seconds, by what rounds have cost.

        It has room for :data:`FEWEST_ROUNDS` rounds of the student, each with all of its steps
        or with half of its time for them: in fewer, the learning rate falls by leaps. 0 if
        nothing is known of a step.
        """
        if not self._step:
            return 0.0
        step, fixed = statistics.median(self._step), self._fixed
        student = FEWEST_ROUNDS * (fixed + min(max(step, fixed), self.steps * step))
        return student / (1 - self.warmup_share) + self._validation

    @property
    def _fixed(self) -> float:
        """Seconds of a round without its student steps."""
        fixed = statistics.median(self._inversion) + statistics.mean(self._rest)
        if self.val_points:
            student = self.seconds - self._validation - self.student_start
            share = (fixed + self.steps * statistics.median(self._step)) / max(student, 1e-9)
            fixed += self._validation * min(self.val_points * share, 1)
        elif self.val_interval:
            fixed += self._validation / self.val_interval
        return fixed

    def next(self, done: int, spent: float) -> Round | None:
        if self.finished:
            return None
        if self._warms_up(spent):
            planned = Round(0)
        else:
            planned = self._student_round(spent)
        if planned is not None:
            self.rounds.append(planned)
        return planned

    def _warms_up(self, spent: float) -> bool:
        if not self.warmup_share or self.student_start is not None:
            return False
        # Ends at the round's end that is closest to the share.
        half = statistics.median(self._inversion) / 2 if self._inversion else 0
        return not self.rounds or spent + half < self.warmup_share * self.seconds

    def _student_round(self, spent: float) -> Round | None:
        first = self.student_start is None
        if first:
            self.student_start = spent
        before = 0.0 if first else self.rounds[-1].after
        end = self.seconds - self._validation  # the last round is validated
        left = end - spent
        student = end - self.student_start
        if not self._step:
            # The cost of a step is not known yet. What this round takes in fact, the next adds.
            known = statistics.median(self._inversion) / student if self._inversion else 0
            share = min(max(known, FIRST_SHARE), 1 / FEWEST_ROUNDS)
            return Round(min(FIRST_STEPS, self.steps), before, min(before + share, 0.99))
        fixed = self._fixed
        step = statistics.median(self._step)
        # A short budget takes fewer steps per round, but gives the student half of its time.
        per_round = max((student / FEWEST_ROUNDS - fixed) / step, fixed / step, 1)
        per_round = min(per_round, self.steps)
        rounds = max(round(left / (fixed + per_round * step)), 1)
        # The steps of many rounds come out just above or just below a whole number.
        steps = int((left / rounds - fixed) / step + 0.1)
        if left < -OVERRUN * self.seconds:
            return None
        self.rounds_left = rounds
        steps = max(steps, 1)
        passed = (spent + fixed + steps * step - self.student_start) / student
        after = 1.0 if rounds == 1 else min(max(passed, before), 0.9999)
        return Round(steps, before, after)

    def state(self) -> dict:
        """What a checkpoint keeps of the plan, as plain data."""
        return dict(
            minutes=self.seconds / 60,
            student_start=self.student_start,
            rounds=[asdict(part) for part in self.rounds],
            changed=self.changed,
            costs=dict(
                inversion=list(self._inversion),
                step=list(self._step),
                step_rounds=self._step_rounds,
                rest=list(self._rest),
                validation=self._validation,
            ),
        )

    def load(self, state: dict, spent: float) -> None:
        """Go on with the plan of a checkpoint.

        Args:
            state: From :meth:`state`.
            spent: Seconds until then. With another budget they are another share of it.

        Raises:
            ConfigError: Another budget is spent already.
        """
        other = state['minutes'] != self.seconds / 60
        if other and spent >= self.seconds:
            raise ConfigError(
                f'train_cfg.minutes={self.seconds / 60:g}: the run has taken '
                f'{spent / 60:.2f} min until this checkpoint; give more'
            )
        self.changed = state.get('changed', False) or other
        if 'costs' in state:  # not in checkpoints from before
            costs = state['costs']
            self._inversion.extend(costs['inversion'])
            self._step.extend(costs['step'])
            self._step_rounds = costs['step_rounds']
            self._rest.extend(costs['rest'])
            self._validation = costs['validation']
        self.rounds = [Round(**part) for part in state['rounds']]
        self.student_start = state['student_start']
        last = self.rounds[-1]
        if self.student_start is not None and other:
            share = (spent - self.student_start) / (self.seconds - self.student_start)
            after = min(max(share, 0.0), 1.0)
            self.rounds[-1] = Round(last.steps, min(last.before, after), after)


def by_time(schedules: Any, path: str = 'param_scheduler') -> Any:
    """Schedules that count parts of the student's time instead of steps.

    Args:
        schedules: ``param_scheduler`` of a config: a schedule, or lists and dicts of them.
        path: Its key, for messages.

    Raises:
        ConfigError: A schedule counts rounds, or names a number of steps.
    """
    if isinstance(schedules, list | tuple):
        return [by_time(part, f'{path}.{i}') for i, part in enumerate(schedules)]
    if not isinstance(schedules, dict):
        return schedules
    if 'type' not in schedules:
        return {key: by_time(part, f'{path}.{key}') for key, part in schedules.items()}
    counts = [key for key in COUNTS if schedules.get(key) is not None]
    if schedules['type'] == 'ExponentialLR':
        raise ConfigError(
            f'{path}: ExponentialLR falls by a factor per step, but with train_cfg.minutes the '
            'number of steps is not known before; take CosineAnnealingLR or PolyLR'
        )
    if schedules.get('by_epoch', True) or counts:
        what = f'has {counts[0]}={schedules[counts[0]]!r}' if counts else 'counts rounds'
        raise ConfigError(
            f'{path}: {schedules["type"]} {what}, but with train_cfg.minutes the number of '
            'rounds and steps is not known before; set by_epoch=False and leave out '
            f'{", ".join(COUNTS[:-1])}: the schedule then covers the time of the student'
        )
    return dict(schedules, end=PARTS)
