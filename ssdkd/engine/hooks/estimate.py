"""Estimate of the time that a run takes."""

from mmengine.hooks import Hook

from ssdkd.checks import check_int
from ssdkd.registry import HOOKS
from ssdkd.words import count, duration


@HOOKS.register_module()
class EstimateHook(Hook):
    """Logs once, after the first rounds that train the student, how much time is left.

    Args:
        rounds (int): Rounds after the warm-up to judge by. Defaults to 2.
    """

    def __init__(self, rounds: int = 2):
        check_int(self, 1, rounds=rounds)
        self.rounds = rounds

    def after_train_epoch(self, runner) -> None:
        if runner.train_loop.clock is not None:  # the time left is known
            return
        done = runner.epoch + 1
        full = done - runner.train_loop.warmup_rounds
        left = runner.max_epochs - done
        if full != self.rounds or not left:
            return
        seconds = runner.message_hub.get_info('seconds')
        per_round = seconds['inversion'] / done + seconds['distillation'] / full
        runner.logger.info(
            f'Time  about {duration(left * per_round)} for the remaining '
            f'{count(left, "round")}, {duration(per_round)} per round, without validation'
        )
