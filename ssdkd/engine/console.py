"""Selection and wording of the log lines that reach the console."""

import logging
import re

from mmengine.logging import MMLogger

# How messages of mmengine begin that the files of a run hold and few readers need: the whole
# config, versions, tables of hooks, hints for mmengine's own developers.
IN_FILES_ONLY = (
    '\n' + 60 * '-' + '\nSystem environment',
    'Config:\n',
    'Hooks will be executed',
    'Distributed training is not used',
    'Checkpoints will be saved',
    'Exp name:',
    'Load checkpoint from',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
)
# mmengine's "at 5 epochs", and "resumed epoch: 5, iter: 100".
AT = re.compile(r'\bat (\d+) (epoch|iter)s?\b')
RESUMED = re.compile(r'^resumed epoch: (\d+), iter: (\d+)')


def arrange(logger: MMLogger, by_round: bool) -> None:
    """Keep the console of a run short, and use the project's words.

    Args:
        logger: The run's logger.
        by_round: Whether mmengine's epoch is a round of a distillation.
    """
    if any(isinstance(part, _Words) for part in logger.filters):  # of a run before
        return
    logger.addFilter(_Words('round' if by_round else 'epoch'))
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(is_for_console)


def is_for_console(record: logging.LogRecord) -> bool:
    """Whether a record is of interest to most readers; the files have all."""
    return not record.getMessage().startswith(IN_FILES_ONLY)


class _Words(logging.Filter):
    """Puts mmengine's sentences into plain words; it drops nothing.

    Args:
        epoch: What an epoch is called.
    """

    def __init__(self, epoch: str):
        super().__init__()
        self.epoch = epoch

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            text = AT.sub(self._at, record.msg)
            record.msg = RESUMED.sub(rf'Resumed after {self.epoch} \1, step \2', text)
        return True

    def _at(self, found: re.Match) -> str:
        return f'at {self.epoch if found[2] == "epoch" else "iteration"} {found[1]}'
