"""The run of a call of distill(): its config as a file, the runner, the report."""

import copy
import json
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.runner import ValLoop
from torch import nn

from ssdkd.apis.given import first
from ssdkd.apis.load import load_config
from ssdkd.apis.val_batches import ValBatches
from ssdkd.atomic import write_whole
from ssdkd.checks import is_int
from ssdkd.config.compose import TASKS
from ssdkd.distillers import BaseDistiller
from ssdkd.distillers.teacher_checks import called_layers, probe_images, untouched
from ssdkd.engine import StrictRunner
from ssdkd.errors import ConfigError
from ssdkd.losses import has_statistics
from ssdkd.mmseg import METRIC
from ssdkd.models import open_layers
from ssdkd.models.layer_inputs import uncompiled
from ssdkd.runs import check_unused, read_rounds, resume_point
from ssdkd.runs.files import CONFIG, PLAN

HEADER = '''\
"""The config of a run of distill().

{repeat}

Both networks are beside this file as whole modules. Loading such a file runs code, so never
load one that you did not make. The config has no val set; training does not read it.
"""

'''
# What the val set measures, by task.
METRICS = dict(multilabel=dict(type='MultiLabelScores'), segmentation=METRIC)
ACCURACY = dict(type='Accuracy')
LARGEST = 512  # side of the images of any generator


def train(
    cfg: Config,
    sources: dict[str, dict],
    reason: str | None,
    val: ValBatches | None,
    work_dir: Path,
    launcher: str,
    resume: bool,
) -> tuple[Config, BaseDistiller]:
    """Write the config, run it, write the report -> the config as run, the distiller.

    Args:
        cfg: All settings.
        sources: Config of each network, in the config's own terms.
        reason: Why no command can repeat the run; None if one can.
        val: The val set.
        work_dir: The folder, which exists and is locked.
        launcher: How the processes were started.
        resume: Whether to go on from a checkpoint there.
    """
    if not resume:
        check_unused(work_dir, 'choose another work_dir, or go on with resume=')
    barrier()  # the first process may write when all have looked
    path = work_dir / CONFIG
    for role, source in sources.items():
        cfg.model[role] = dict(cfg.model[role], model=source)
    command = f'ssdkd train {path}'
    if launcher != 'none':
        command = f'tools/dist_train.sh {path} {get_world_size()}'
    minutes = cfg.train_cfg.get('minutes')
    if reason is None and resume and minutes is not None:
        plan = work_dir / PLAN
        state = json.loads(plan.read_text()) if plan.is_file() else dict(minutes=minutes)
        if state.get('changed') or state['minutes'] != minutes:
            reason = 'it was resumed with other minutes'
    if minutes is not None:  # the clock alone makes another student
        command += (
            f' --work-dir {work_dir}_again --cfg-options train_cfg.plan={work_dir / PLAN}'
        )
    repeat = f'This command trains the same student:\n\n    {command}'
    said = f'{command} makes the same student.'
    if reason is not None:
        repeat = said = f'No command can repeat the run ({reason}); call distill() again.'
    text = HEADER.format(repeat=repeat) + cfg.pretty_text
    with _kept_if_refused(path, work_dir):
        if is_main_process():
            write_whole(path, text)
        barrier()
        return _run(path, text, said, val, work_dir, launcher, resume)


@contextmanager
def _kept_if_refused(path: Path, work_dir: Path) -> Iterator[None]:
    """Put an earlier config back if a ``ConfigError`` comes before another round."""
    before = path.read_text() if path.is_file() else None
    done = len(read_rounds(work_dir))
    try:
        yield
    except ConfigError:
        if before is not None and is_main_process() and len(read_rounds(work_dir)) == done:
            write_whole(path, before)
        raise


def _run(
    path: Path,
    text: str,
    said: str,
    val: ValBatches | None,
    work_dir: Path,
    launcher: str,
    resume: bool,
) -> tuple[Config, BaseDistiller]:
    """Run a config that is written; arguments as in :func:`train`.

    Args:
        path: The file.
        text: What is in it.
        said: How the run can be repeated, for the log.
    """
    from ssdkd.visualization import write_report

    cfg = load_config(Namespace(config=path, cfg_options=None, work_dir=str(work_dir)))
    # One of its own for each run of a process, also of two in the same folder.
    cfg.experiment_name = f'{work_dir.resolve()}_{time.time_ns()}'
    if launcher != 'none':
        cfg.launcher = launcher
        cfg.model_wrapper_cfg = dict(type='ssdkd.DistributedDistiller')
    checkpoint = resume_point('auto', work_dir) if resume else None
    cfg.load_from, cfg.resume = checkpoint and str(checkpoint), checkpoint is not None
    runner = StrictRunner.from_cfg(cfg)
    if is_main_process():
        write_whole(path, text)  # over the runner's own copy, which names this folder
    distiller = getattr(runner.model, 'module', runner.model)
    images = distiller.synthesizer
    if not any_statistics(distiller.part('teacher'), images.image_size, images.channels):
        runner.logger.warning(
            'The teacher has no batch-norm statistics: model.synthesizer.losses has priors of '
            'classes instead. If your images are no photographs, leave PhotoColours out of '
            'model.augment: docs/teacher.md, "Without batch norms".'
        )
    runner.logger.info(f'The config of this run is {path}. {said}')
    if val is not None:
        # An object cannot stand in a config, from which the runner builds its own.
        for line in val.findings:
            runner.logger.warning(line)
        runner._val_loop = ValLoop(runner, val, dict(METRICS.get(task_of(cfg), ACCURACY)))
    runner.train()
    runner.logger.info('Training has ended. Drawing the curves and the page of the report ...')
    report = first(write_report(work_dir)[0] if is_main_process() else None)
    runner.logger.info(f'The report is {report}.')
    return cfg, distiller


def task_of(cfg: Config) -> str:
    """The argument ``task`` for a config; that of a plugin's counts as classification."""
    names = (name for name, kind in TASKS.items() if kind == cfg.model.task.type)
    return next(names, 'classification')


def any_statistics(network: nn.Module, size: Sequence[int], channels: int) -> bool:
    """Whether a pass of a network calls a layer with running statistics.

    Having one is not enough: no loss can read a layer that ``forward`` does not call.

    Args:
        network: In evaluation mode.
        size: (H, W) of its images.
        channels: C of them.
    """
    if not any(map(has_statistics, open_layers(network).values())):
        return False
    weight = next((p for p in network.parameters() if p.is_floating_point()), torch.zeros(1))
    try:
        images = probe_images(size, weight.device, channels)[:2].to(weight.dtype)
        with torch.no_grad(), untouched(network), uncompiled(network):
            with called_layers(network) as called:
                network(images)
    except Exception:  # of the user's own code, which the distiller names
        return True
    return called is None or bool(called)


def teacher_statistics(teacher: nn.Module, image_size: Any, channels: int) -> bool:
    """:func:`any_statistics` of a user's teacher in any mode, which stays as it is.

    Args:
        teacher: The module.
        image_size: Argument of distill(), which is not checked yet.
        channels: C of the images.
    """
    inner = teacher.module if isinstance(teacher, nn.DataParallel) else teacher
    present = any(map(has_statistics, open_layers(inner).values()))
    size = (image_size, image_size) if is_int(image_size) else image_size
    sized = isinstance(size, Sequence) and len(size) == 2 and all(map(is_int, size))
    if not present or not sized or not all(0 < side <= LARGEST for side in size):
        return present  # such sizes are refused in a moment
    try:
        inner = copy.deepcopy(inner).eval()
    except Exception:  # as in any_statistics
        return present
    return any_statistics(inner, size, channels)
