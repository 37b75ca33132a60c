"""The budget of a benchmark as settings of each run, and the record that binds later calls."""

import copy
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from mmengine.config import Config

from ssdkd.atomic import write_whole
from ssdkd.benchmark.spec import AS_CONFIGURED, Method, Spec
from ssdkd.engine.plan import by_time
from ssdkd.errors import ConfigError

POINTS = 20  # validations of a run, evenly over the student's training
# Keys of a learning-rate schedule that count rounds or steps.
SCHEDULE_KEYS = (
    'begin', 'end', 'milestones', 'T_max', 'step_size', 'total_steps', 'periods'
)  # fmt: skip


@dataclass
class PlanFile:
    """``plan.json`` of a work directory, which later calls must agree with.

    Attributes:
        budget: As in the specification.
        jobs: Runs at a time.
        threads: Threads per run.
        command: The first call.
        environment: Versions and hardware of the runs.
    """

    budget: dict[str, float] | str
    jobs: int
    threads: int
    command: str
    environment: dict[str, str]

    @classmethod
    def read(cls, out: Path) -> 'PlanFile | None':
        path = out / 'plan.json'
        if not path.is_file():
            return None
        values = json.loads(path.read_text())
        values.pop('methods', None)  # in files of before: rounds by a trial
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


def planned_config(cfg: Config, spec: Spec, method: Method) -> Config:
    """A method's config within the budget of a benchmark.

    Args:
        cfg: The method's config.
        spec: The benchmark.
        method: The method.

    Raises:
        ConfigError: With a budget in minutes, a learning-rate schedule counts rounds or steps.
            Or the config has a plan or a budget of time of its own.
    """
    planned = copy.deepcopy(cfg)
    own = {'plan': spec.budget != AS_CONFIGURED, 'minutes': spec.student_steps is not None}
    for key, clashes in own.items():
        if clashes and planned.train_cfg.get(key) is not None:
            raise ConfigError(
                f'methods.{method.name}: train_cfg.{key}={planned.train_cfg[key]!r} does not '
                "go with the benchmark's budget; leave it out, or give budget='config'"
            )
    if spec.minutes is not None:
        try:
            by_time(planned.get('param_scheduler'))
        except ConfigError as error:
            raise ConfigError(f'methods.{method.name}: {error}') from error
        planned.train_cfg.update(minutes=spec.minutes, val_points=POINTS)
    elif spec.student_steps is not None:
        plan_steps(planned, method, spec.student_steps)
        planned.train_cfg.val_points = POINTS
    return planned


def plan_steps(cfg: Config, method: Method, student_steps: int) -> None:
    """Change a config to the fewest rounds that give the student a number of steps.

    Warm-up keeps its share of all rounds, and what learning-rate schedules count keeps its
    share of the run.
    """
    loop = cfg.train_cfg
    old_warmup = loop.get('warmup_rounds', 0)
    old = loop.max_rounds - old_warmup
    rounds = math.ceil(student_steps / loop.steps_per_round)
    warmup = method.warmup_rounds
    if warmup is None:
        warmup = round(rounds * old_warmup / old)
    by_round = (warmup + rounds) / loop.max_rounds
    for schedule in _schedules(cfg.get('param_scheduler')):
        factor = by_round if schedule.get('by_epoch', True) else rounds / old
        for key in SCHEDULE_KEYS:
            if schedule.get(key) is not None:
                schedule[key] = _scaled(schedule[key], factor, key)
    loop.update(max_rounds=warmup + rounds, warmup_rounds=warmup)


def describe(cfg: Config) -> str:
    """The length of a run in words, from its planned config."""
    loop = cfg.train_cfg
    if loop.get('minutes') is not None:
        return f'{loop.minutes:g} min by the clock'
    warmup = loop.get('warmup_rounds', 0)
    steps = (loop.max_rounds - warmup) * loop.steps_per_round
    return f'{loop.max_rounds} rounds ({warmup} of warm-up), {steps} student steps'


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
