"""Run a benchmark: every cell that is not finished."""

import fcntl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from ssdkd.benchmark.cells import Cell, TimeLeft, Trainer, mark_failed, why, write_config
from ssdkd.benchmark.plan import PlanFile
from ssdkd.benchmark.spec import Spec
from ssdkd.errors import ConfigError
from ssdkd.runs.files import CONFIG, read_summary
from ssdkd.runs.summary import main_metric, metrics, student_role


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
        configs: Method name -> its config within the budget, of the methods to run.
        out: Work directory.
        plans: Budget and machine of the runs.
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
        """Run what is not finished; failures stop nothing.

        Raises:
            ConfigError: A config does not go with the runs in its folder.
        """
        for name, cfg in self.configs.items():
            write_config(cfg, self.out / name / CONFIG)
        self.plans.write(self.out)
        todo = [cell for cell in self.cells if cell.state == 'not run']
        if len(todo) < len(self.cells):
            self.say(
                f'{len(self.cells) - len(todo)} of {len(self.cells)} runs have ended before'
            )
        self._each(todo)

    def forget_failures(self) -> None:
        """Remove failures, so that failed runs run again."""
        for cell in self.cells:
            (cell.folder / 'failed.txt').unlink(missing_ok=True)

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

    def _each(self, cells: list[Cell]) -> None:
        """Run all cells, a few at a time, with a line for each that ends."""
        jobs = self.plans.jobs
        time_left = TimeLeft(len(cells), jobs, self.spec.minutes)
        if cells:
            self.say(f'{len(cells)} runs, {jobs} at a time' + _left(time_left.after(0)))
        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(self._run_cell, cell): cell for cell in cells}
            try:
                for done, future in enumerate(as_completed(futures), 1):
                    left = _left(time_left.after(done)) if done < len(cells) else ''
                    name = futures[future].name
                    self.say(f'[{done}/{len(cells)}] {name}: {future.result()}{left}')
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
