"""Learning rates by the share of time that has passed."""

from collections.abc import Iterator

from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import _ParamScheduler

from ssdkd.registry import HOOKS


@HOOKS.register_module()
class ScheduleHook(ParamSchedulerHook):
    """mmengine's hook for learning rates, which also knows runs by the clock.

    In a run with ``train_cfg.minutes`` a schedule has as many steps as the student's time has
    parts (:data:`ssdkd.engine.plan.PARTS`), and takes those that are due.
    """

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        loop = runner.train_loop
        if not loop.timed:
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
            return
        due = loop.round.part(batch_idx)
        for scheduler in schedulers(runner):
            while scheduler.last_step < due:
                scheduler.step()


def schedulers(runner) -> Iterator[_ParamScheduler]:
    """All schedules of a run, of whichever optimizer."""
    parts = runner.param_schedulers or []
    for part in parts.values() if isinstance(parts, dict) else [parts]:
        yield from part
