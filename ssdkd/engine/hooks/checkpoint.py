"""Checkpoints from which training resumes exactly."""

from pathlib import Path

from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook

import ssdkd.engine.atomic_backend  # noqa: F401  (registers the backend 'atomic')
from ssdkd.checks import check_int
from ssdkd.errors import ConfigError
from ssdkd.registry import HOOKS
from ssdkd.runs import plain_settings, set_random_state
from ssdkd.runs.files import BEST, CHECKPOINT
from ssdkd.words import count


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's checkpoint hook, restricted to the files of its own run.

    Files are written atomically, with the settings of the run in them. The previous best
    checkpoint goes after the new one is there. What a resumed checkpoint says of other files
    counts only for files in this work directory: a copied run leaves the original alone.

    Args:
        interval (int): Rounds (epochs, iterations) between checkpoints. Defaults to 1.
        max_keep_ckpts (int): How many to keep, at least 2, or -1 for all: the oldest goes
            before the newest is written, and a kill in between must not leave none.
            Defaults to 2.
        **kwargs: See mmengine's ``CheckpointHook``.
    """

    def __init__(self, interval: int = 1, max_keep_ckpts: int = 2, **kwargs):
        if max_keep_ckpts in (0, 1):
            raise ConfigError(
                f'default_hooks.checkpoint.max_keep_ckpts={max_keep_ckpts} must '
                'be at least 2, or -1 for all'
            )
        check_int('default_hooks.checkpoint', -1, max_keep_ckpts=max_keep_ckpts)
        check_int('default_hooks.checkpoint', -1, interval=interval)
        super().__init__(
            interval,
            max_keep_ckpts=max_keep_ckpts,
            backend_args=dict(backend='atomic'),
            **kwargs,
        )

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Store the settings as plain data, which can be compared without running them."""
        checkpoint['settings'] = plain_settings(runner.cfg)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Drop file names of a resumed checkpoint that are not in this work directory."""
        if not runner._resume:
            return
        folder = Path(runner.work_dir)
        if self.out_dir is not None:
            folder = Path(self.out_dir, folder.name)
        info = checkpoint['message_hub']['runtime_info']
        info['keep_ckpt_ids'] = [
            step
            for step in info.get('keep_ckpt_ids', [])
            if type(step) is int and (folder / self.filename_tmpl.format(step)).is_file()
        ]
        for key in [key for key in info if key.startswith('best_ckpt')]:
            best = folder / Path(str(info.pop(key))).name
            if BEST.fullmatch(best.name) and best.is_file() and not best.is_symlink():
                info[key] = str(best)
            else:
                info.pop(key.replace('ckpt', 'score'), None)
                runner.logger.info(
                    f"'{best}' is missing; the next validation writes a new best checkpoint"
                )

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        previous = self._best
        self._best = {key: None for key in previous}  # so that mmengine removes none
        super()._save_best_checkpoint(runner, metrics)
        new = self._best
        self._best = {key: path or previous.get(key) for key, path in new.items()}
        if is_main_process():
            for key, path in previous.items():
                if path and new[key] and new[key] != path:
                    Path(path).unlink(missing_ok=True)

    @property
    def _best(self) -> dict[str, str | None]:
        """The best checkpoint by each metric, which mmengine keeps in either of two places."""
        if self.save_best is None:
            return {}
        if len(self.key_indicators) == 1:
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    @_best.setter
    def _best(self, paths: dict[str, str | None]) -> None:
        if '' in paths:
            self.best_ckpt_path = paths['']
        elif paths:
            self.best_ckpt_path_dict = paths


PARTS_OF_TIME = 20  # of a run by the clock, each of which has a checkpoint
ESTIMATE = 'estimate'  # of the best checkpoint of a run without a val set, in its name


@HOOKS.register_module()
class DistillCheckpointHook(SafeCheckpointHook):
    """A checkpoint hook that also keeps buffer, sampler and random states.

    mmengine saves weights, optimizers and schedules. A distillation also lives in its replay
    buffer and its random states; of these every process has its own.

    Without a val set, the best checkpoint is the one of the highest estimate that
    :class:`~ssdkd.engine.hooks.quality.QualityHook` gives, ``best_estimate_round_*.pth``.

    Args:
        interval (int): Rounds between checkpoints. By the clock there is one at each twentieth
            of the student's time, too, a minute apart or more. Defaults to 5.
        **kwargs: See :class:`SafeCheckpointHook`.
    """

    def __init__(self, interval: int = 5, **kwargs):
        super().__init__(interval, filename_tmpl=CHECKPOINT, **kwargs)
        self._states: list[dict] | None = None

    def before_train(self, runner) -> None:
        if runner.val_loop is None and self.save_best is not None:
            self.save_best = [ESTIMATE]
            self.best_ckpt_path = None
            self._init_rule(['greater'], self.save_best)
        super().before_train(runner)

    def every_n_epochs(self, runner, n: int, start: int = 0) -> bool:
        """Also at each twentieth of a run by the clock, whose rounds may be few or short."""
        due = n > 0 and runner.train_loop.passes(PARTS_OF_TIME)
        return super().every_n_epochs(runner, n, start) or due

    def after_estimate(self, runner, value: float) -> None:
        """Keep the checkpoint if its estimate is the best of a run without a val set."""
        self._save_best_checkpoint(runner, {ESTIMATE: value})

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        # All processes come here; only the first goes on to before_save_checkpoint.
        if get_world_size() > 1:
            self._states = all_gather_object(self._state(runner))
        super()._save_checkpoint_with_step(runner, step, meta)
        self._states = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint['distillation'] = self._states or [self._state(runner)]

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        # Also called when weights alone are loaded, as a starting point.
        if not (runner._resume and 'distillation' in checkpoint):
            return
        states, rank, world_size = checkpoint['distillation'], get_rank(), get_world_size()
        state = states[rank % len(states)]
        training = state['distiller']
        distiller = getattr(runner.model, 'module', runner.model)
        distiller.check_resumable(checkpoint['state_dict'])
        if len(states) != world_size:
            saved = [s['distiller'] for s in states]
            training = distiller.redeal(saved, rank, world_size)
            runner.logger.info(
                f'The checkpoint was written by {count(len(states), "process")}, this run has '
                f'{world_size}: the samples are distributed again, random numbers start again, '
                f'and a student step now takes {world_size} x {distiller.batch_size} samples'
            )
        distiller.load_training_state(training)
        set_random_state(state)
        runner.train_loop.restore(checkpoint)

    @staticmethod
    def _state(runner) -> dict:
        distiller = getattr(runner.model, 'module', runner.model)
        return {'distiller': distiller.training_state(), **runner.train_loop.random_state}
