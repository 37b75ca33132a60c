"""Pictures of the newest samples."""

from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook

from ssdkd.checks import check_int
from ssdkd.registry import HOOKS
from ssdkd.runs.files import SAMPLE_GRID
from ssdkd.visualization import save_sample_grid


@HOOKS.register_module()
class SampleGridHook(Hook):
    """Writes ``samples/round_N.png``: the newest samples of the buffer, a row for each class.

    A buffer that knows no classes (``needs_facts``) gets one row.

    Args:
        interval (int): Rounds between two grids. Defaults to 10.
        columns (int): Samples of a class. Defaults to 10.
        max_classes (int): Rows at most: of more classes, those with the most samples. Defaults
            to 20.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 10, columns: int = 10, max_classes: int = 20):
        check_int(self, 1, interval=interval, columns=columns, max_classes=max_classes)
        self.interval = interval
        self.columns = columns
        self.max_classes = max_classes

    @master_only
    def after_train_epoch(self, runner) -> None:
        due = self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner)
        buffer = getattr(runner.model, 'module', runner.model).buffer
        if due and len(buffer):
            path = Path(runner.work_dir, SAMPLE_GRID.format(runner.epoch + 1))
            save_sample_grid(buffer, path, self.columns, self.max_classes)
