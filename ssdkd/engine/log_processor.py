"""Log lines in the project's words."""

from mmengine.runner import LogProcessor

from ssdkd.checks import check_int
from ssdkd.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class RoundLogProcessor(LogProcessor):
    """mmengine's log processor, saying "Round" where it says "Epoch(train)".

    Each line shows the latest values: the loop has averaged them already.

    Args:
        window_size (int): Lines to average over. Defaults to 1.
        **kwargs: See mmengine's ``LogProcessor``.
    """

    def __init__(self, window_size: int = 1, **kwargs):
        check_int(self, 1, window_size=window_size)
        super().__init__(window_size=window_size, **kwargs)

    def get_log_after_iter(self, runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        return tag, line.replace('Epoch(train)', 'Round')
