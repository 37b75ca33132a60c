"""A run up to its first step, which finds errors in its config."""

import copy
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger

from ssdkd.apis.check import check_data
from ssdkd.apis.networks import members
from ssdkd.apis.sets import check_sets
from ssdkd.engine import DistillLoop, StrictRunner
from ssdkd.engine.console import is_for_console
from ssdkd.errors import ConfigError
from ssdkd.mmseg import without_pretrained
from ssdkd.models import Network
from ssdkd.registry import MODELS


class _FirstStep(Exception):
    """The run has come to its first step."""


class _Warnings(logging.Handler):
    """Keeps the warnings of a run."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.addFilter(is_for_console)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class _QuietRunner(StrictRunner):
    """A runner whose log is a list of its warnings."""

    def build_logger(self, *args, **kwargs) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            handler.close()
        self.warnings = _Warnings()
        logger.handlers[:] = [self.warnings]
        return logger


class _StopHook(Hook):
    priority = 'LOWEST'  # after what the other hooks look at

    def before_train(self, runner) -> None:
        raise _FirstStep


def validate(cfg: Config, say: Callable[[str], None] = print) -> list[str]:
    """Build all of a run, let it check itself, and stop before it trains.

    Args:
        cfg (Config): A config from :func:`ssdkd.apis.load_config`, whose settings are checked.
        say (Callable): Gets all warnings, and the check-up of each teacher whose weights are
            here.

    Returns:
        list[str]: Weights and data sets that it names and that are not here. The rest is
        checked without them.

    Raises:
        ConfigError: The config cannot work.
    """
    cfg = copy.deepcopy(cfg)
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        cfg.experiment_name = Path(folder).name  # one of its own for each run of a process
        random_teacher = _without_missing_weights(cfg, Path(folder))
        missing = random_teacher + _without_missing_sets(cfg)
        if any(line.startswith('train_') for line in missing):
            MODELS.build(cfg.model)
            return missing
        runner = _QuietRunner.from_cfg(cfg)
        runner.register_hook(_StopHook())
        try:
            if 'task' not in cfg.model:  # a teacher's own training
                model = getattr(runner.model, 'module', runner.model)
                check_sets(runner, getattr(model, 'network', model), 'train', 'val')
            runner.train()
        except _FirstStep:
            pass
        found = []
        if isinstance(runner.train_loop, DistillLoop):
            for network in runner.train_loop.distiller.networks.values():
                if isinstance(network, Network) and network.reader.line:
                    say(network.reader.line)
            found = runner.train_loop.check_ups
        warned = [text for text in runner.warnings.texts if text not in found]
        for text in [*warned, *(found if not random_teacher else ())]:
            say(text)
    return missing


def _without_missing_weights(cfg: Config, folder: Path) -> list[str]:
    """Replace the missing weights of teachers by random ones -> what is missing."""
    missing = []
    for key, teacher in members(cfg.model.get('teacher') or {}, 'model.teacher'):
        file = teacher.get('checkpoint')
        if file is None or Path(file).expanduser().is_file():
            continue
        model = without_pretrained(copy.deepcopy(teacher['model']))
        teacher.pop('checkpoint_key', None)
        teacher['checkpoint'] = str(folder / f'{key}.pth')
        torch.save(MODELS.build(model).state_dict(), teacher['checkpoint'])
        missing.append(f"{key}.checkpoint: there is no file '{file}'")
    return missing


def _without_missing_sets(cfg: Config) -> list[str]:
    """Remove val and test sets that are missing -> what is missing.

    A train set is a teacher's, and cannot be left out.
    """
    missing = []
    for name in ('train', 'val', 'test'):
        key = f'{name}_dataloader'
        reason = _absent((cfg.get(key) or {}).get('dataset') or {}, f'{key}.dataset')
        try:
            check_data(cfg, key)
        except ConfigError as error:
            reason = str(error)
        if reason is None:
            continue
        missing.append(reason)
        if name != 'train':
            for part in (key, f'{name}_cfg', f'{name}_evaluator'):
                cfg[part] = None
    return missing


def _absent(dataset: dict, where: str) -> str | None:
    for key in ('root', 'data_root'):
        path = dataset.get(key)
        if path and not (Path(path).exists() or Path(f'{path}.tar').exists()):
            return f"{where}.{key}: there is neither '{path}' nor '{path}.tar'"
    return None
