"""mmengine's Runner with strict loading of checkpoints."""

import copy
import os
import warnings
from collections.abc import Iterator

from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict, _ParamScheduler
from mmengine.runner import Runner
from torch import nn

from ssdkd.distillers.base import BaseDistiller
from ssdkd.engine.console import arrange
from ssdkd.engine.hooks.schedule import schedulers
from ssdkd.engine.loop import DistillLoop
from ssdkd.engine.plan import by_time
from ssdkd.errors import ConfigError
from ssdkd.models.checkpoint import check_fits, read_checkpoint
from ssdkd.runs import changed_settings, plain_settings
from ssdkd.runs.settings import changes_evaluation, changes_schedule
from ssdkd.words import count

# Config key of a run's length -> what it counts.
LAST = {
    'minutes': 'minute',
    'max_rounds': 'round',
    'max_epochs': 'epoch',
    'max_iters': 'iteration',
}


class StrictRunner(Runner):
    """mmengine's Runner, which reads only tensors and plain data from a checkpoint.

    It reads intact local files, unpickles tensors and plain containers alone, executes no
    config that a file holds, and loads every weight or none. On resume it compares the
    settings with those that the run was started with: it applies what can be applied, and
    says so; changed optimizer settings and schedules are planned again for the whole run.

    Raises:
        ConfigError: A checkpoint does not fit, or a changed setting cannot be applied.
    """

    _changes: dict[str, str]

    def build_logger(self, log_level='INFO', log_file: str | None = None, **kwargs) -> MMLogger:
        """Build the logger; see mmengine's Runner. The console shows only what matters."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        arrange(logger, by_round='task' in self.cfg.get('model', {}))
        return logger

    def set_randomness(self, seed: int | None, deterministic: bool = False, **kwargs) -> None:
        """Set the seed; see mmengine's Runner."""
        if deterministic:  # what cuBLAS reads before its first product
            os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
        super().set_randomness(seed, deterministic=deterministic, **kwargs)

    def train(self) -> nn.Module:
        """Train; see mmengine's Runner. A distiller's hooks are off its networks afterwards.

        Also if the run fails, or cannot start.
        """
        model = self.model.module if is_model_wrapper(self.model) else self.model
        try:
            return super().train()
        finally:
            if isinstance(model, BaseDistiller):
                model.detach()

    def load_checkpoint(
        self, filename: str, map_location='cpu', strict: bool = True, revise_keys=()
    ) -> dict:
        """Load the weights of a checkpoint; see mmengine's Runner. All must fit."""
        source = '--resume' if self._resume else 'load_from'
        checkpoint = read_checkpoint(filename, source, 'give a checkpoint of the run')
        source = f"{source}: '{filename}'"
        if not isinstance(checkpoint, dict) or 'state_dict' not in checkpoint:
            raise ConfigError(f'{source} holds no checkpoint of a run; give one of its .pth')
        if self._resume:
            # mmengine would execute this string as Python.
            checkpoint['meta'].pop('config', None)
            self._changes = self._compare(checkpoint, source)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        check_fits(checkpoint['state_dict'], model.state_dict(), source)
        model.load_state_dict(checkpoint['state_dict'])
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint

    def resume(self, filename: str, **kwargs) -> None:
        """Continue from a checkpoint; see mmengine's Runner."""
        planned = [self._hyperparameters(optimizer) for _, optimizer in self._optimizers()]
        try:
            super().resume(filename, **kwargs)
        except ConfigError:
            raise
        except (LookupError, TypeError, AttributeError, ValueError, AssertionError) as error:
            raise ConfigError(
                f"--resume: '{filename}' does not hold what this run needs "
                f'({type(error).__name__}: {error}); choose another checkpoint of this run'
            ) from error
        if changes_schedule(self._changes):
            self._plan_anew(planned)
        loop = self.train_loop
        if loop.finished if isinstance(loop, DistillLoop) else self.iter >= self.max_iters:
            self._say_finished()

    @property
    def _timed(self) -> bool:
        """Whether the schedules count parts of time instead of rounds and steps."""
        return isinstance(self._train_loop, DistillLoop) and self._train_loop.timed

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        """Register the hooks that every run has; see mmengine's Runner."""
        train_cfg, hooks = self.cfg.get('train_cfg') or {}, dict(hooks or {})
        schedule = hooks.get('param_scheduler') or {}
        by_clock = train_cfg.get('minutes') or train_cfg.get('plan')
        if by_clock and schedule.get('type', 'ParamSchedulerHook') == 'ParamSchedulerHook':
            hooks['param_scheduler'] = dict(type='ScheduleHook')  # in configs from before it
        super().register_default_hooks(hooks)

    def build_param_scheduler(self, scheduler):
        """Build the schedules; see mmengine's Runner. By the clock they count parts of time."""
        if self._timed:
            scheduler = by_time(scheduler)
        return super().build_param_scheduler(scheduler)

    def _say_finished(self) -> None:
        train_cfg = self.cfg.train_cfg
        if train_cfg.get('plan'):
            said, more = f'as planned in {train_cfg.plan}', ''
        else:
            key = next(key for key in LAST if train_cfg.get(key) is not None)
            done = train_cfg[key]
            said = count(done, LAST[key])
            more = (
                f' To continue: --resume --cfg-options train_cfg.{key}=N, with N above {done}'
            )
            called = {'minutes': 'minutes', 'max_rounds': 'budget'}.get(key)
            if called is not None:
                more += f' (in distill(): resume= and {called}=N)'
        self.logger.info(
            f"This run is finished ({said}). Its results are in '{self.work_dir}'.{more}"
        )

    def _compare(self, checkpoint: dict, source: str) -> dict[str, str]:
        """Log what is changed and applied; refuse the rest."""
        if 'settings' not in checkpoint:
            self.logger.warning(
                f'{source} does not say with which settings its run was started, so that '
                'changed ones cannot be noticed'
            )
            return {}
        done = checkpoint['meta']['epoch']
        asked = plain_settings(self.cfg)
        changes, refused = changed_settings(checkpoint['settings'], asked, done)
        for key, change in refused.items():
            self.logger.error(f'--resume: {key}: {change}: this cannot change')
        if refused:
            first, change = next(iter(refused.items()))
            more = f' (and {len(refused) - 1} more, listed above)' if len(refused) > 1 else ''
            raise ConfigError(
                f'{source} was made with another {first} ({change}){more}; set it back '
                '(options of the first start must be given again), or start a new run with '
                'another --work-dir'
            )
        for key, change in changes.items():
            self.logger.info(f'Resumed with a changed setting: {key}: {change}')
        if changes_evaluation(changes):
            info = checkpoint['message_hub']['runtime_info']
            for key in [k for k in info if k.startswith(('best_score', 'best_ckpt'))]:
                del info[key]
            self.logger.info('The best score is reset, because the evaluation has changed')
        return changes

    def _plan_anew(self, planned: list[list[dict]]) -> None:
        """Give the optimizers the new hyper-parameters, as if they had been set from the start.

        What the optimizers have learned (momentum and the like) stays.
        """
        for (_, optimizer), groups in zip(self._optimizers(), planned):
            for group, values in zip(optimizer.param_groups, groups):
                group.update(values)
                for key in [key for key in group if key.startswith('initial_')]:
                    group[key.removeprefix('initial_')] = group[key]
        if self.cfg.get('param_scheduler') is not None:
            self.param_schedulers = self.build_param_scheduler(
                copy.deepcopy(self.cfg.param_scheduler)
            )
            with warnings.catch_warnings():  # that no optimizer steps in between
                warnings.simplefilter('ignore', UserWarning)
                for scheduler in schedulers(self):
                    for _ in range(self._due(scheduler)):
                        scheduler.step()
        rates = [f'{name} {o.param_groups[0]["lr"]:.3g}' for name, o in self._optimizers()]
        self.logger.info(
            f'The learning-rate schedule is planned again for {self._length}; the learning '
            f'rates continue at {", ".join(rates)}'
        )

    @property
    def _length(self) -> str:
        if self._timed:
            return f'{self.cfg.train_cfg.get("minutes") or 0:g} minutes'
        return f'{self.max_epochs} rounds and {self.max_iters} steps in all'

    def _due(self, scheduler: _ParamScheduler) -> int:
        """How many steps a schedule has to have taken by now."""
        if self._timed:
            return self.train_loop.part
        return self.epoch if scheduler.by_epoch else self.iter

    def _optimizers(self) -> Iterator[tuple[str, object]]:
        """Each optimizer wrapper with its role."""
        if isinstance(self.optim_wrapper, OptimWrapperDict):
            return self.optim_wrapper.items()
        return iter([('optimizer', self.optim_wrapper)])

    @staticmethod
    def _hyperparameters(optimizer) -> list[dict]:
        return [
            {key: value for key, value in group.items() if key != 'params'}
            for group in optimizer.param_groups
        ]
