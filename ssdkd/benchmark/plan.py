"""How many rounds of a method fit into a budget, and the config that runs them.

A learning-rate schedule has to end with the budget, and a run must be repeatable. So the
number of rounds is fixed before the first run, from a short trial, and never by a clock
while a run goes on.
"""

import copy
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmengine.config import Config

from ssdkd.atomic import write_whole
from ssdkd.benchmark.spec import AS_CONFIGURED, Method, Spec
from ssdkd.errors import ConfigError

POINTS = 20  # validations of a run, evenly in time
# Keys of a learning-rate schedule that count rounds or steps.
SCHEDULE_KEYS = ('begin', 'end', 'milestones', 'T_max', 'step_size')
# Rounds of the trial, when the budget allows for them; the first of a kind does not count.
TRIAL_WARMUP, TRIAL_ROUNDS = 3, 8
TRIAL_SECONDS = 20  # that every trial may take


@dataclass(frozen=True)
class Plan:
    """The rounds of every run of a method.

    Attributes:
        max_rounds: Rounds in all, warm-up included.
        warmup_rounds: Rounds that only synthesise.
        student_steps: Steps of the student in all.
        val_interval: Rounds between validations.
        warmup_seconds: What a warm-up round takes; None if unknown.
        round_seconds: What any other round takes; None if unknown.
    """

    max_rounds: int
    warmup_rounds: int
    student_steps: int
    val_interval: int
    warmup_seconds: float | None = None
    round_seconds: float | None = None

    @property
    def minutes(self) -> float | None:
        """What a run is expected to take; None if unknown."""
        if self.round_seconds is None:
            return None
        rounds = self.max_rounds - self.warmup_rounds
        return (
            self.warmup_rounds * (self.warmup_seconds or 0) + rounds * self.round_seconds
        ) / 60


@dataclass
class PlanFile:
    """``plan.json`` of a work directory, which later calls must agree with.

    Attributes:
        budget: As in the specification.
        jobs: Runs at a time.
        threads: Threads per run.
        command: The first call.
        environment: Versions and hardware of the runs.
        methods: Name -> plan.
    """

    budget: dict[str, float] | str
    jobs: int
    threads: int
    command: str
    environment: dict[str, str]
    methods: dict[str, Plan] = field(default_factory=dict)

    @classmethod
    def read(cls, out: Path) -> 'PlanFile | None':
        path = out / 'plan.json'
        if not path.is_file():
            return None
        values = json.loads(path.read_text())
        values['methods'] = {k: Plan(**v) for k, v in values['methods'].items()}
        return cls(**values)

    def write(self, out: Path) -> None:
        text = json.dumps(asdict(self), indent=2) + '\n'
        write_whole(out / 'plan.json', text)

    def check(self, spec: Spec, jobs: int, threads: int, out: Path) -> None:
        """Refuse a call whose runs would not be comparable with the existing runs.

        ``--jobs`` and ``--threads`` bind where runs are compared at equal cost: with a budget.

        Raises:
            ConfigError: Budget, ``--jobs`` or ``--threads`` differ.
        """
        compared = [('budget', self.budget, spec.budget)]
        if spec.budget != AS_CONFIGURED:
            compared += [('--jobs', self.jobs, jobs), ('--threads', self.threads, threads)]
        for name, mine, theirs in compared:
            if mine != theirs:
                raise ConfigError(
                    f"{name}: '{out}' was planned with {mine}, but this call has {theirs}; use "
                    f'{mine} again, or choose another --work-dir'
                )


def warmup_share(cfg: Config) -> float:
    """The share of a config's rounds that are warm-up."""
    return cfg.train_cfg.get('warmup_rounds', 0) / cfg.train_cfg.max_rounds


def plan_without_trial(spec: Spec, cfg: Config, method: Method) -> Plan | None:
    """The rounds of a budget that needs no measured times; None if it does."""
    if spec.minutes is not None:
        return None
    if spec.student_steps is not None:
        return plan_steps(cfg, method, spec.student_steps)
    loop, warmup = cfg.train_cfg, cfg.train_cfg.get('warmup_rounds', 0)
    steps = (loop.max_rounds - warmup) * loop.steps_per_round
    return Plan(loop.max_rounds, warmup, steps, loop.get('val_interval', 1))


def plan_steps(cfg: Config, method: Method, student_steps: int) -> Plan:
    """The rounds that give the student a number of steps, or just above it."""
    rounds = math.ceil(student_steps / cfg.train_cfg.steps_per_round)
    share = warmup_share(cfg)
    warmup = method.warmup_rounds
    if warmup is None:
        warmup = round(rounds * share / (1 - share))
    return _plan(cfg, warmup, rounds)


def plan_minutes(
    cfg: Config, method: Method, minutes: float, warmup_seconds: float, round_seconds: float
) -> Plan:
    """The rounds that come nearest to a number of minutes.

    Args:
        cfg: The method's config.
        method: The method.
        minutes: Budget.
        warmup_seconds: What a warm-up round takes.
        round_seconds: What any other round takes.

    Raises:
        ConfigError: Not even one round of the student fits.
    """
    seconds = 60 * minutes
    warmup = method.warmup_rounds
    if warmup is None:
        share = warmup_share(cfg)
        total = seconds / (share * warmup_seconds + (1 - share) * round_seconds)
        warmup = round(share * total)
    left = seconds - warmup * warmup_seconds
    if left < round_seconds:
        raise ConfigError(
            f'one round takes {round_seconds / 60:.2f} min after {warmup} warm-up rounds of '
            f'{warmup_seconds / 60:.2f} min, more than the budget of {minutes:g} min; enlarge '
            'budget.minutes or lower train_cfg.steps_per_round or model.synthesizer.steps'
        )
    return _plan(cfg, warmup, round(left / round_seconds), warmup_seconds, round_seconds)


def _plan(cfg: Config, warmup: int, rounds: int, *seconds: float) -> Plan:
    return Plan(
        max_rounds=warmup + rounds,
        warmup_rounds=warmup,
        student_steps=rounds * cfg.train_cfg.steps_per_round,
        val_interval=max(1, round(rounds / POINTS)),
        **dict(zip(('warmup_seconds', 'round_seconds'), seconds)),
    )


def planned_config(cfg: Config, method: Method, plan: Plan) -> Config:
    """A method's config with the rounds of its plan.

    What the config counts in rounds or steps, such as a learning rate's milestones, keeps its
    share of the run.
    """
    planned, old = copy.deepcopy(cfg), cfg.train_cfg
    rounds = plan.max_rounds / old.max_rounds
    steps = plan.student_steps / (
        (old.max_rounds - old.get('warmup_rounds', 0)) * old.steps_per_round
    )
    planned.train_cfg.update(
        max_rounds=plan.max_rounds,
        warmup_rounds=plan.warmup_rounds,
        val_interval=plan.val_interval,
        val_begin=plan.warmup_rounds + 1,
    )
    for schedule in _schedules(planned.get('param_scheduler')):
        factor = rounds if schedule.get('by_epoch', True) else steps
        for key in SCHEDULE_KEYS:
            if schedule.get(key) is not None:
                schedule[key] = _scaled(schedule[key], factor, key)
    for key in method.scale_rounds:
        *folders, last = key.split('.')
        part = planned
        for name in folders:
            part = part[name]
        part[last] = _scaled(part[last], rounds, key)
    return planned


def _schedules(config) -> list[dict]:
    """Every schedule of ``param_scheduler``: one, a list, or either of them by role."""
    if not config:
        return []
    if isinstance(config, dict):
        return [config] if 'type' in config else sum(map(_schedules, config.values()), [])
    return list(config)


def _scaled(value: int | list[int], factor: float, key: str) -> int | list[int]:
    if isinstance(value, list | tuple):
        return [_scaled(v, factor, key) for v in value]
    return max(0 if key == 'begin' else 1, round(value * factor))


def trial_config(cfg: Config, method: Method) -> Config:
    """A method's config as its trial runs it: few rounds, no validation, no checkpoint."""
    trial = copy.deepcopy(cfg)
    has_warmup = cfg.train_cfg.get('warmup_rounds', 0)
    if method.warmup_rounds is not None:
        has_warmup = method.warmup_rounds
    warmup = TRIAL_WARMUP if has_warmup else 0
    trial.train_cfg.update(warmup_rounds=warmup, max_rounds=warmup + TRIAL_ROUNDS)
    for key in ('dataloader', 'cfg', 'evaluator'):
        trial[f'val_{key}'] = trial[f'test_{key}'] = None
    trial.default_hooks.checkpoint.update(interval=10**9, save_last=False)
    return trial


def split_rounds(seconds: dict[int, float], warmup: int) -> tuple[list[float], list[float]]:
    """Seconds of single rounds, from the cumulated ones -> warm-up rounds, the others."""
    ends = [seconds[n] for n in sorted(seconds)]
    single = [end - start for start, end in zip([0.0, *ends], ends)]
    return single[:warmup], single[warmup:]


def typical(seconds: Sequence[float]) -> float:
    """The median, without the first round, which pays for allocations; 0 for none."""
    return statistics.median(seconds[1:] or seconds) if seconds else 0.0


def trial_is_enough(warmup: Sequence[float], rounds: Sequence[float], minutes: float) -> bool:
    """Whether a trial may end early: its rounds take a good part of the budget.

    Args:
        warmup: Seconds of the trial's warm-up rounds so far.
        rounds: Seconds of the others so far.
        minutes: Budget.
    """
    seconds = sum(warmup) + sum(rounds)
    share = seconds / (60 * minutes)
    if seconds < TRIAL_SECONDS:  # the first rounds are the least typical
        return False
    return (len(rounds) >= 3 and share > 0.1) or (len(rounds) >= 1 and share > 0.3)
