"""The training loop: rounds of inversion and distillation, without any dataset."""

import json
import math
import time
from logging import INFO, WARNING
from pathlib import Path

import torch
from mmengine.dist import broadcast_object_list, get_rank, is_main_process
from mmengine.runner import BaseLoop
from torch import Tensor, nn
from torch.utils.data import Dataset

from ssdkd.atomic import write_whole
from ssdkd.checks import check_int, check_number
from ssdkd.datasets import check_set
from ssdkd.distillers.teacher_checks import check_up, probabilities, report
from ssdkd.distillers.training_pass import check_inversion_pass, check_training_pass
from ssdkd.distillers.val_images import check_image_size
from ssdkd.engine.distributed import unite_buffers
from ssdkd.engine.finite import not_finite, remedy, training_tensors
from ssdkd.engine.memory import check_memory
from ssdkd.engine.plan import FEWEST_ROUNDS, PARTS, Clock, FixedPlan, Plan, Round, SavedPlan
from ssdkd.engine.start import describe
from ssdkd.engine.trained import check_trained
from ssdkd.environment import environment
from ssdkd.errors import ConfigError
from ssdkd.registry import LOOPS
from ssdkd.runs import RoundLog, random_state, set_random_state
from ssdkd.runs.files import ENVIRONMENT, PLAN, read_summary
from ssdkd.words import count, duration


class LatentStream:
    """Stand-in for mmengine's training dataloader, without any data.

    mmengine's hooks ask a loader for its length and for the meta information of a dataset.
    """

    class _NoDataset:
        metainfo = None

    def __init__(self, steps_per_round: int):
        self.dataset = self._NoDataset()
        self.steps_per_round = steps_per_round

    def __len__(self) -> int:
        return self.steps_per_round


APART = 60  # seconds between points of time of a run by the clock, at least


@LOOPS.register_module()
class DistillLoop(BaseLoop):
    """Rounds of one generator phase and many student steps; mmengine's epoch is a round.

    Warm-up rounds run the generator phase only. Learning-rate schedules by iteration count
    student steps. Each round adds the scalars ``seconds/inversion`` and
    ``seconds/distillation``, cumulated; validation and hooks are not in them. The first process
    writes a line per round to ``rounds.jsonl``, and ``environment.json`` at the start.

    Args:
        runner (Runner): The runner.
        dataloader (dict): Must be empty: training reads no dataset.
        steps_per_round (int): Student steps per round.
        max_rounds (int, optional): Rounds in all, warm-up included. Needed without ``minutes``.
        warmup_rounds (int): Rounds that only synthesise; with ``minutes``, 0 means no warm-up,
            and ``warmup_share`` its length otherwise. Defaults to 0.
        minutes (float, optional): Budget of time in place of ``max_rounds``, from the first
            round to the last validation; see :class:`Clock`. Start-up and the final evaluation
            come on top. Learning rates follow the share of the student's time that has passed.
            Defaults to None.
        warmup_share (float): Share of ``minutes`` for the warm-up, in [0, 1). Defaults to 0.15.
        plan (str, optional): ``plan.json`` of a run with ``minutes``: its rounds, and so its
            student, to the bit. Defaults to None.
        val_interval (int): Rounds between validations, if there is a val set. There are none
            in warm-up. Defaults to 1.
        val_points (int, optional): Validations in all, evenly over the student's training, in
            place of ``val_interval``: methods whose rounds differ in length are measured
            equally often. Defaults to None.
        val_begin (int): First round that may validate. Defaults to 1.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(
        self,
        runner,
        dataloader: dict,
        steps_per_round: int,
        max_rounds: int | None = None,
        warmup_rounds: int = 0,
        minutes: float | None = None,
        warmup_share: float = 0.15,
        plan: str | None = None,
        val_interval: int = 1,
        val_points: int | None = None,
        val_begin: int = 1,
    ):
        if dataloader:
            raise ConfigError(
                'train_dataloader must be dict(): data-free training reads no '
                'dataset, its samples come from the generator'
            )
        check_int('train_cfg', 1, steps_per_round=steps_per_round)
        check_int('train_cfg', 0, warmup_rounds=warmup_rounds)
        check_int('train_cfg', 1, val_interval=val_interval, val_begin=val_begin)
        check_int('train_cfg', 1, optional=True, val_points=val_points)
        check_number('train_cfg', '(0, inf)', optional=True, minutes=minutes)
        check_number('train_cfg', '[0, 1)', warmup_share=warmup_share)
        super().__init__(runner, LatentStream(steps_per_round))
        self.steps_per_round = steps_per_round
        self.warmup_rounds = warmup_rounds
        self.minutes = minutes
        self.val_interval = val_interval
        self.val_points = val_points
        self.val_begin = val_begin
        self._epoch = 0
        self._iter = 0
        self._before = 0.0  # seconds before this start of the run
        self._started: float | None = None
        self.round = Round(steps_per_round)
        self.clock: Clock | None = None
        self._says_plan = False
        self.check_ups: list[str] = []  # of the networks and the val set, as logged
        if plan is not None:
            self.plan: Plan = SavedPlan(plan)
            self.max_rounds = len(self.plan.rounds)
            self.warmup_rounds = sum(not part.steps for part in self.plan.rounds)
        elif minutes is not None:
            share = warmup_share if warmup_rounds else 0.0
            validates = (val_interval, val_points) if runner.val_loop is not None else (None,)
            self.plan = self.clock = Clock(minutes, share, steps_per_round, *validates)
            self.max_rounds = 1  # at least; known at the last round
            self.warmup_rounds = 0  # so far
        else:
            check_int('train_cfg', 1, max_rounds=max_rounds)
            if max_rounds <= warmup_rounds:
                raise ConfigError(
                    f'train_cfg.max_rounds={max_rounds} must be greater than '
                    f'train_cfg.warmup_rounds={warmup_rounds}'
                )
            self.plan = FixedPlan(max_rounds, warmup_rounds, steps_per_round)
            self.max_rounds = max_rounds
        self.start = (0, 0)  # rounds and student steps before this start of the run
        self._log: RoundLog | None = None  # of the first process
        self._kept: dict | None = None  # training's random state during a validation
        self.distiller = getattr(runner.model, 'module', runner.model)
        self.distiller.seed(runner.seed + get_rank())
        self.distiller.check()
        # A network may hold infinities on purpose, such as a mask.
        self._constants = set(not_finite(self.distiller.state_dict()))

    # mmengine's hooks read these names.
    @property
    def max_epochs(self) -> int:
        return self.max_rounds

    @property
    def max_iters(self) -> int:
        if self.timed:  # as far as it can be told
            rounds = (
                self.max_rounds if self.clock is None else self._epoch + self.clock.rounds_left
            )
            return self._iter + max(rounds - self._epoch, 1) * self.round.steps
        rounds, steps = self.start  # which may have had another steps_per_round
        return (
            steps + (self.max_rounds - max(rounds, self.warmup_rounds)) * self.steps_per_round
        )

    @property
    def timed(self) -> bool:
        """Whether learning rates follow the time that has passed, not the steps."""
        return not isinstance(self.plan, FixedPlan)

    @property
    def finished(self) -> bool:
        """Whether all rounds are done."""
        if self.clock is not None:
            return self.clock.finished
        return self._epoch >= self.max_rounds

    @property
    def elapsed(self) -> float:
        """Seconds so far, with validation, without the pauses between starts of the run."""
        now = 0.0 if self._started is None else time.monotonic() - self._started
        return self._before + now

    @property
    def left(self) -> float:
        """Seconds that are left of a run by the clock."""
        return max(self.clock.seconds - self.elapsed, 0.0)

    @property
    def part(self) -> int:
        """The part of the time that has passed, of a run whose schedule counts these."""
        done = self.plan.rounds[self._epoch - 1].after if self._epoch else 0.0
        return int(done * (PARTS - 1))

    def passes(self, points: int) -> bool:
        """Whether a run by the clock passes one of its points of time, even ones, this round.

        Args:
            points: How many there are; fewer in short runs, a minute apart or more.
        """
        if self.clock is None:
            return False
        return self.round.passes(min(points, int(self.clock.seconds / APART)))

    def position(self, number: int) -> str:
        """Where the run is in a round, for the log: ``'12/60'``, or ``'12, 3.5/30 min'``."""
        if self.clock is None:
            return f'{number}/{self.max_rounds}'
        return f'{number}, {self.elapsed / 60:.1f}/{self.minutes:g} min'

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def iter(self) -> int:
        return self._iter

    def run(self) -> nn.Module:
        """Run all remaining rounds."""
        check_trained(self.distiller, self.runner.optim_wrapper)
        if self.finished and self._has_summary():
            return self.runner.model
        self.runner.logger.info(describe(self.runner))
        self._check_up()
        check_inversion_pass(self.distiller)
        check_memory(self.runner)
        check_training_pass(self.distiller)
        if self.runner.val_loop is not None:
            self._check_val_set(self.runner.val_loop.dataloader.dataset)
        self.runner.call_hook('before_train')
        self._seconds = self.runner.message_hub.runtime_info.get(
            'seconds', dict(inversion=0.0, distillation=0.0)
        )
        if is_main_process():
            folder = Path(self.runner.work_dir)
            write_whole(folder / ENVIRONMENT, json.dumps(environment(), indent=2) + '\n')
            self._log = RoundLog(folder, self._epoch)
        self._started = time.monotonic()
        if self._validates() and self._validated != self._epoch:
            self.validate()  # a kill came between the round and its validation
        while self._next_round():
            before = self._seconds.copy(), self.elapsed
            self.run_round()
            if self.clock is not None:
                self._observe(*before)
            if self._validates():
                self.validate()
        self.runner.call_hook('after_train')
        return self.runner.model

    def _next_round(self) -> bool:
        """Find out what the next round does; False if there is none."""
        found = [None]
        if self.clock is None or is_main_process():  # clocks differ between processes
            found = [self.plan.next(self._epoch, self.elapsed)]
        if self.clock is not None:
            broadcast_object_list(found)
        if found[0] is None:
            if self.clock is not None and not self._says_plan:  # nothing was measured before
                self._warn_if_short()
            if self.clock is not None and not self.clock.finished:
                self.runner.logger.warning(
                    'The machine slowed down, and the budget of time is spent before the '
                    f'learning rates have come to their end ({self.round.after:.1%} of it)'
                )
                self.max_rounds = self._epoch
                if self._validates() and self._validated != self._epoch:
                    self.validate()
            return False
        self.round = found[0]
        self.dataloader.steps_per_round = self.round.steps
        if self.clock is not None:
            if self.clock.measured and not self._says_plan:
                self._says_plan = True
                self.runner.logger.info(
                    f'Plan  about {count(self.clock.rounds_left, "round")} of '
                    f'{count(self.round.steps, "student step")} in the remaining '
                    f'{duration(self.left)}'
                )
                self._warn_if_short()
            self.clock.rounds[self._epoch :] = found
            self.max_rounds = self._epoch + (1 if self.clock.finished else 2)
            self.warmup_rounds += not self.round.steps
        return True

    def _warn_if_short(self) -> None:
        """Warn if the budget of time has no room for a whole schedule."""
        if not is_main_process():  # which alone plans
            return
        needed = math.ceil(self.clock.sufficient / 6) / 10  # minutes
        trained = sum(part.steps > 0 for part in self.clock.rounds[: self._epoch])
        rounds = trained + (0 if self.clock.finished else self.clock.rounds_left)
        if needed > self.minutes and rounds < FEWEST_ROUNDS:
            self.runner.logger.warning(
                f'train_cfg.minutes={self.minutes:g} is too short: it has room for about '
                f'{count(rounds, "round")} of the student, in which the learning rates fall by '
                f'leaps; minutes={needed:g} would suffice for {FEWEST_ROUNDS}'
            )

    def _observe(self, seconds: dict[str, float], elapsed: float) -> None:
        """Tell the clock what the round has cost."""
        phases = [
            self._seconds[phase] - seconds[phase] for phase in ('inversion', 'distillation')
        ]
        self.clock.observe(*phases, rest=self.elapsed - elapsed - sum(phases))

    def restore(self, checkpoint: dict) -> None:
        """Go on from a checkpoint, as far as the loop is concerned."""
        self.start = (checkpoint['meta']['epoch'], checkpoint['meta']['iter'])
        info = checkpoint['message_hub']['runtime_info']
        self._before = info.get('elapsed', sum(info.get('seconds', {}).values()))
        if self.clock is not None:
            self.clock.load(info['clock'], self._before)
            self.warmup_rounds = sum(not part.steps for part in self.clock.rounds)
            self.round = self.clock.rounds[-1]
        else:
            self.round = self.plan.next(self.start[0] - 1, self._before)
            if self.round is None and isinstance(self.plan, SavedPlan):
                raise ConfigError(
                    f'train_cfg.plan: it has {count(self.max_rounds, "round")}, and the '
                    f'checkpoint has {self.start[0]}; give the plan of the same run'
                )

    def _check_up(self) -> None:
        """Examine the networks that are only read, and log what is found."""
        size = self.distiller.synthesizer.image_size
        for name, network in self.distiller.networks.items():
            if self.distiller.roles[name].optimizer is not None:
                findings, looked = probabilities(network), None
            else:
                findings, looked = check_up(network, size, self.distiller.task)
            if looked or findings:
                self._found(WARNING if findings else INFO, report(name, findings, looked))

    def _check_val_set(self, dataset: Dataset) -> None:
        """Check classes and images of the val set, and log what is found."""
        distiller = self.distiller
        # One that no config names is an argument of distill().
        key = 'val_dataloader' if self.runner.cfg.get('val_dataloader') else 'val_loader'
        for line in check_set(dataset, key, distiller.task.num_classes, distiller.classes):
            self._found(WARNING, line)
        size = distiller.synthesizer.image_size
        for finding in check_image_size(dataset, key, distiller.networks, size, distiller.task):
            self._found(*finding)

    def _found(self, level: int, text: str) -> None:
        """Log a finding, and keep it for ``ssdkd validate``."""
        self.check_ups.append(text)
        self.runner.logger.log(level, text)

    def _has_summary(self) -> bool:
        """Whether an earlier start has finished the last round and written its summary."""
        summary = read_summary(self.runner.work_dir) or {}
        return summary.get('rounds') == self._epoch

    def _validates(self) -> bool:
        """Whether to validate after the round that has just ended."""
        if self.val_points is None:
            # In warm-up the student stays as it was initialised.
            due = self.round.steps > 0 and self._epoch % self.val_interval == 0
        else:
            due = self.round.passes(self.val_points)
        due = due or self._epoch == self.max_rounds
        return self.runner.val_loop is not None and 0 < self._epoch >= self.val_begin and due

    @property
    def _validated(self) -> int | None:
        """The last round whose validation is recorded."""
        return self.runner.message_hub.runtime_info.get('validated')

    def validate(self) -> None:
        """Run the val loop without a change of training's random states."""
        # For the checkpoint that a new best score brings; other checkpoints come later.
        self.runner.message_hub.update_info('validated', self._epoch)
        self._kept, before = random_state(), self.elapsed
        try:
            self.runner.val_loop.run()
        finally:
            set_random_state(self._kept)
            self._kept = None
        if self.clock is not None:
            self.clock.observe_validation(self.elapsed - before)

    @property
    def random_state(self) -> dict:
        """Training's random states, also while a validation draws from them."""
        return self._kept or random_state()

    def run_round(self) -> None:
        """One generator phase, then the student steps unless this is a warm-up round."""
        self.runner.call_hook('before_train_epoch')
        self.distiller.train()
        self.distiller.buffer.round = self._epoch
        self.distiller.share = (self.round.before, self.round.after)
        warmup = not self.round.steps

        start = self._now()
        log = {
            f'inversion_{name}': value
            for name, value in self.distiller.synthesize(
                self.runner.optim_wrapper, warmup
            ).items()
        }
        middle = self._now()
        scalars = {}
        if warmup:
            values = self._read(log)
            # Under names of their own: other curves of these terms count student steps.
            scalars = {f'warmup/{k}': v for k, v in values.items()}
            self.runner.logger.info(
                f'Round [{self.position(self._epoch + 1)}] warm-up  '
                + '  '.join(f'{k}: {v:.4f}' for k, v in values.items())
            )
        else:
            values = self.run_steps(log)
        unite_buffers(self.distiller)
        self._check_finite()
        self._seconds['inversion'] += middle - start
        self._seconds['distillation'] += self._now() - middle
        info = dict(seconds=dict(self._seconds), elapsed=self.elapsed)
        if self.clock is not None:
            info['clock'] = self.clock.state()
            if is_main_process():
                path = Path(self.runner.work_dir, PLAN)
                write_whole(path, json.dumps(info['clock'], indent=1) + '\n')
        self.runner.message_hub.update_info_dict(info)
        scalars |= {f'seconds/{phase}': value for phase, value in self._seconds.items()}
        self.runner.visualizer.add_scalars(scalars, step=self._epoch + 1)
        if self._log is not None:  # before the checkpoint: a resumed run has all lines
            phase = 'warm-up' if warmup else 'distillation'
            self._log.append(self._epoch + 1, phase, values, self._seconds, self.elapsed)

        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_steps(self, log: dict[str, Tensor]) -> dict[str, float]:
        """The student steps of one round -> their means, logged together with ``log``."""
        sums: dict[str, Tensor] = {}
        for step in range(self.round.steps):
            self.runner.call_hook('before_train_iter', batch_idx=step, data_batch=None)
            outputs = self.runner.model.train_step(None, self.runner.optim_wrapper)
            sums = {k: v + sums.get(k, 0) for k, v in outputs.items()}
            outputs = None
            if step + 1 == self.round.steps:
                # The one moment of a round at which the host waits for the device.
                outputs = self._read({k: v / self.round.steps for k, v in sums.items()} | log)
            self.runner.call_hook(
                'after_train_iter', batch_idx=step, data_batch=None, outputs=outputs
            )
            self._iter += 1
        return outputs

    def _read(self, values: dict[str, Tensor]) -> dict[str, float]:
        if not values:  # a synthesizer without a loss, in a warm-up round
            return {}
        numbers = torch.stack([v.float() for v in values.values()]).tolist()
        values = dict(zip(values, numbers))
        for name, value in values.items():
            if value != value or abs(value) == float('inf'):
                raise self._diverged(
                    f"'{name}' is {value}",
                    'Lower optim_wrapper.*.optimizer.lr or the weight of this loss'
                    + (', or set model.autocast to None' * bool(self.distiller.autocast)),
                )
        return values

    def _check_finite(self) -> None:
        # All that a checkpoint holds, and before it is saved.
        tensors = training_tensors(self.distiller, self.runner.optim_wrapper)
        broken = [name for name in not_finite(tensors) if name not in self._constants]
        if broken:
            raise self._diverged(
                f"'{broken[0]}' is not finite", remedy(broken[0], self.distiller)
            )

    def _diverged(self, what: str, remedy: str) -> ConfigError:
        last = self.runner.message_hub.runtime_info.get('last_ckpt', 'none yet')
        return ConfigError(
            f'training stopped in round {self._epoch + 1}: {what}. Last good checkpoint: '
            f'{last}. {remedy}'
        )

    def _now(self) -> float:
        getattr(torch, self.distiller.rng.device.type).synchronize()
        return time.perf_counter()
