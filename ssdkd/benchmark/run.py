"""Plan and run a benchmark: trials first, then every cell that is not finished."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from ssdkd.benchmark.cells import (
    Cell,
    Clock,
    Trainer,
    mark_failed,
    trial_folder,
    why,
    write_config,
)
from ssdkd.benchmark.plan import (
    Plan,
    PlanFile,
    plan_minutes,
    plan_without_trial,
    planned_config,
    split_rounds,
    trial_config,
    trial_is_enough,
    typical,
)
from ssdkd.benchmark.report import Row, deviates
from ssdkd.benchmark.spec import AS_CONFIGURED, Method, Spec
from ssdkd.errors import ConfigError
from ssdkd.runs.files import CONFIG, read_summary, starts
from ssdkd.runs.summary import main_metric, metrics, student_role
from ssdkd.visualization.curves import read_curves

START_SECONDS = 120  # for a run to build its networks and load the teacher


def make_cells(spec: Spec, out: Path) -> list[Cell]:
    """Every method with each of its seeds; all first seeds stand before all second ones."""
    cells = [
        (i, Cell(method, seed, out / method.name / f'seed_{seed}'))
        for method in spec.methods.values()
        for i, seed in enumerate(method.seeds)
    ]
    return [cell for _, cell in sorted(cells, key=lambda pair: pair[0])]


@contextmanager
def locked(out: Path) -> Iterator[int]:
    """Hold a work directory for this call and the runs that it starts.

    Raises:
        ConfigError: Another call, or a run that one has left behind, is using it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with open(out / '.lock', 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"--work-dir: '{out}' is in use by another benchmark, or by a run that a "
                'killed one has left; wait for it or end it'
            ) from error
        yield file.fileno()


class Benchmark:
    """A benchmark in its work directory.

    Args:
        spec: What to compare.
        configs: Method name -> its config, of the methods to run.
        out: Work directory.
        plans: What is planned already.
        trainer: Starts the runs.
        say: Prints a line.
    """

    def __init__(
        self,
        spec: Spec,
        configs: dict[str, Config],
        out: Path,
        plans: PlanFile,
        trainer: Trainer,
        say: Callable[[str], None] = print,
    ):
        self.spec = spec
        self.configs = configs
        self.out = out
        self.plans = plans
        self.trainer = trainer
        self.say = say
        self.cells = [c for c in make_cells(spec, out) if c.method.name in configs]

    def run(self) -> None:
        """Plan what has no plan, then run what is not finished; failures stop nothing."""
        self.plan()
        for name, plan in self.plans.methods.items():
            if name in self.configs:
                cfg = self.configs[name]
                if self.spec.budget != AS_CONFIGURED:
                    cfg = planned_config(cfg, self.spec.methods[name], plan)
                write_config(cfg, self.out / name / CONFIG)
        todo = [cell for cell in self.cells if cell.state == 'not run']
        if len(todo) < len(self.cells):
            self.say(
                f'{len(self.cells) - len(todo)} of {len(self.cells)} runs have ended before'
            )
        expected = [self.plans.methods[c.method.name].minutes for c in todo]
        self._each(todo, self._run_cell, expected, 'runs')

    def plan(self) -> None:
        """Make the plans that are missing, and write them down."""
        todo = [
            self.spec.methods[name]
            for name in self.configs
            if name not in self.plans.methods
            and not (trial_folder(self.out / name) / 'failed.txt').is_file()
        ]
        plans = {m.name: plan_without_trial(self.spec, self.configs[m.name], m) for m in todo}
        for method in todo:
            if plans[method.name] is not None:
                self._keep(method, plans[method.name])
        trials = [method for method in todo if plans[method.name] is None]
        self._each(trials, self._trial, [None] * len(trials), 'trials')
        self.plans.write(self.out)

    def forget_failures(self) -> None:
        """Remove failures, so that failed runs and trials run again."""
        for cell in self.cells:
            for folder in (cell.folder, trial_folder(cell.folder.parent)):
                (folder / 'failed.txt').unlink(missing_ok=True)

    def replan(self) -> None:
        """Plan again, from the times of their runs, methods that missed the budget.

        Their runs are removed.
        """
        for name, plan in list(self.plans.methods.items()):
            cells = [c for c in self.cells if c.method.name == name and c.summary]
            row = Row.of(self.spec, self.spec.methods[name], cells)
            if name not in self.configs or not cells or not deviates(row, self.spec):
                continue
            warmup, rounds = [], []
            for cell in cells:
                mine = split_rounds(cumulated_seconds(cell.folder), plan.warmup_rounds)
                warmup += mine[0]
                rounds += mine[1]
            better = plan_minutes(
                self.configs[name],
                self.spec.methods[name],
                self.spec.minutes,
                sum(warmup) / len(warmup) if warmup else 0.0,
                sum(rounds) / len(rounds),
            )
            shutil.rmtree(self.out / name)
            self._keep(self.spec.methods[name], better)
        self.plans.write(self.out)

    def _keep(self, method: Method, plan: Plan) -> str:
        self.plans.methods[method.name] = plan
        self.plans.write(self.out)
        return (
            f'{plan.max_rounds} rounds ({plan.warmup_rounds} of warm-up), '
            f'{plan.student_steps} student steps'
        )

    def _trial(self, method: Method) -> str:
        """Measure a method's rounds and plan by them -> what came out, in words."""
        folder = trial_folder(self.out / method.name)
        shutil.rmtree(folder, ignore_errors=True)
        cfg = self.configs[method.name]
        trial = trial_config(cfg, method)
        write_config(trial, folder / CONFIG)
        warmup, started = trial.train_cfg.warmup_rounds, None

        def rounds() -> tuple[list[float], list[float]]:
            return split_rounds(cumulated_seconds(folder), warmup)

        def enough() -> bool:
            nonlocal started
            # Imports do not count; mmengine makes this folder after them.
            if started is None and starts(folder):
                started = time.monotonic()
            waited = 0 if started is None else time.monotonic() - started
            too_long = waited > 60 * self.spec.minutes + START_SECONDS
            return too_long or trial_is_enough(*rounds(), self.spec.minutes)

        seed = method.seeds[0]
        status = self.trainer.train(folder / CONFIG, folder, seed, enough)
        if self.trainer.stopping.is_set():
            return 'stopped'
        if status:
            mark_failed(folder, f'its trial: {why(status, folder / "output.txt")}')
        elif not rounds()[1]:
            mark_failed(
                folder,
                'one round, and the warm-up rounds before it in the trial, take more than the '
                f'budget of {self.spec.minutes:g} min; enlarge budget.minutes or lower '
                'train_cfg.steps_per_round or model.synthesizer.steps\n',
            )
        else:
            times = [typical(part) for part in rounds()]
            try:
                return self._keep(method, plan_minutes(cfg, method, self.spec.minutes, *times))
            except ConfigError as error:
                mark_failed(folder, f'{error}\n')
        return f'FAILED: {first_and_last((folder / "failed.txt").read_text())}'

    def _run_cell(self, cell: Cell) -> str:
        """Train to the end -> how it ended, in words."""
        config = cell.folder.parent / CONFIG
        status = self.trainer.train(config, cell.folder, cell.seed)
        if status is None:
            return 'stopped'
        summary = read_summary(cell.folder)
        if status or summary is None:
            mark_failed(cell.folder, why(status, cell.folder / 'output.txt'))
        elif self.spec.metric not in (None, *metrics(summary)):
            mark_failed(
                cell.folder,
                f"metric: the val set does not measure '{self.spec.metric}', but "
                f'{", ".join(metrics(summary)) or "nothing"}\n',
            )
        else:
            seconds = summary['inversion_seconds'] + summary['distillation_seconds']
            metric = self.spec.metric or main_metric(summary)
            last = f'{summary[f"{student_role(summary)}_{metric}"]:.2f} in ' if metric else ''
            return f'{last}{seconds / 60:.1f} min'
        output = cell.folder / 'output.txt'
        return f'FAILED: {first_and_last(cell.failure)} (see {output})'

    def _each(
        self, items: list, work: Callable, expected: list[float | None], what: str
    ) -> None:
        """Work on all items, a few at a time, with a line for each that ends."""
        jobs = self.plans.jobs
        clock = Clock(expected, jobs)
        if items:
            self.say(f'{len(items)} {what}, {jobs} at a time' + _left(clock.left()))
        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(work, item): i for i, item in enumerate(items)}
            try:
                for done, future in enumerate(as_completed(futures), 1):
                    index = futures[future]
                    name = getattr(items[index], 'name', '')
                    name = getattr(items[index], 'label', name)
                    left = _left(clock.left(index)) if done < len(items) else ''
                    self.say(f'[{done}/{len(items)}] {name}: {future.result()}{left}')
            except BaseException:
                self.trainer.stop()
                pool.shutdown(cancel_futures=True)
                raise


def _left(minutes: float | None) -> str:
    return '' if minutes is None else f'  (about {minutes:.1f} min left)'


def first_and_last(text: str) -> str:
    """A failure in a line: how it ended and the last thing that it said."""
    lines = text.strip().splitlines()
    return lines[0] if len(lines) == 1 else f'{lines[0]}: {lines[-1]}'


def cumulated_seconds(folder: Path) -> dict[int, float]:
    """Round -> seconds of inversion and distillation from the start to its end."""
    scalars = read_curves(folder).scalars
    distillation = scalars.get('seconds/distillation', {})
    return {
        n: seconds + distillation[n]
        for n, seconds in scalars.get('seconds/inversion', {}).items()
        if n in distillation
    }
