"""Log lines in the project's words."""

import re
from datetime import timedelta

from mmengine.runner import LogProcessor

from ssdkd.checks import check_int
from ssdkd.registry import LOG_PROCESSORS

# mmengine's "Epoch(train) [2][50/50]": all steps of a round are one line.
EPOCH = re.compile(r'^Epoch\((train|val|test)\) *(?:\[(\d+)\])?\[\d+/\d+\] *')
ETA = re.compile(r'eta: .*?(?=  |$)')


@LOG_PROCESSORS.register_module()
class RoundLogProcessor(LogProcessor):
    """mmengine's log processor with "Round [2/100]" for "Epoch(train) [2][50/50]".

    Each line shows the latest values: the loop has averaged them already. In a run by the
    clock, ``eta`` is what is left of its time.

    Args:
        window_size (int): Lines to average over. Defaults to 1.
        **kwargs: See mmengine's ``LogProcessor``.
    """

    def __init__(self, window_size: int = 1, **kwargs):
        check_int(self, 1, window_size=window_size)
        super().__init__(window_size=window_size, **kwargs)

    def get_log_after_iter(self, runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        loop = runner.train_loop
        if loop.clock is not None:  # mmengine counts steps, whose number is not known
            line = ETA.sub(f'eta: {timedelta(seconds=int(loop.left))}', line)
        return tag, _by_round(line, runner)

    def get_log_after_epoch(
        self, runner, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict, str]:
        tag, line = super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
        return tag, _by_round(line, runner)

    def _collect_non_scalars(self, runner, mode: str) -> dict:
        # mmengine asks for names that begin with "val"; this is the loop's own record.
        found = super()._collect_non_scalars(runner, mode)
        return {name: value for name, value in found.items() if name != 'validated'}


def _by_round(line: str, runner) -> str:
    def head(found: re.Match) -> str:
        if found[1] == 'test':
            return 'Test  '
        validation = ' validation' * (found[1] == 'val')
        position = runner.train_loop.position(int(found[2]))
        return f'Round [{position}]{validation}  '

    return EPOCH.sub(head, line)
