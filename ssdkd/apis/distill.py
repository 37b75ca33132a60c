"""Distillation as one function, without a config file."""

import inspect
import io
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mmengine.device.utils as mmengine_device
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import (
    barrier,
    broadcast_object_list,
    get_world_size,
    init_dist,
    is_main_process,
)
from mmengine.runner import ValLoop
from torch import nn

from ssdkd.apis.check import check_config, check_sections
from ssdkd.apis.load import load_config
from ssdkd.apis.recommended import recommended
from ssdkd.apis.val_batches import ValBatches
from ssdkd.atomic import write_whole
from ssdkd.checks import check_int, is_number
from ssdkd.config.read import without_delete
from ssdkd.config.top_level import KEYS
from ssdkd.engine import StrictRunner
from ssdkd.engine.distributed import join_processes
from ssdkd.errors import ConfigError
from ssdkd.losses import has_other_norms, has_statistics
from ssdkd.mmseg import METRIC
from ssdkd.models.channels import image_channels
from ssdkd.old_keys import rename_keys
from ssdkd.registry import nearest
from ssdkd.runs import check_unused, locked
from ssdkd.runs.files import CONFIG, NETWORK

HEADER = '''\
"""The config of a run of distill(). This command trains the same student:

    {command}

Both networks are beside this file as whole modules. Loading such a file runs code, so never
load one that you did not make. The config has no val set; training does not read it.
"""

'''


@dataclass
class DistillResult:
    """Result of :func:`distill`.

    Attributes:
        student: The caller's own module, trained, in evaluation mode.
        history: A dict of scalars per round, with ``round`` from 1: losses, agreement, figures
            of the buffer, and the metrics of the val set if there is one.
        buffer: The replay buffer with its samples; with several processes, that of this one.
        report: An HTML page about the run.
        config: The whole config, also in ``work_dir/config.py``.
        work_dir: Folder of logs, checkpoints, sample grids and ``student.pth``.
    """

    student: nn.Module = field(repr=False)
    history: list[dict[str, float]] = field(repr=False)
    buffer: nn.Module = field(repr=False)
    report: Path
    config: Config = field(repr=False)
    work_dir: Path


def distill(
    teacher: nn.Module,
    student: nn.Module,
    *,
    num_classes: int,
    image_size: int | tuple[int, int],
    mean: float | Sequence[float],
    std: float | Sequence[float],
    budget: int | None = None,
    minutes: float | None = None,
    task: str = 'classification',
    output: str | int | dict[str, str | int] | None = None,
    channels: int | None = None,
    val_loader: Iterable | None = None,
    work_dir: str | Path | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    **overrides: Any,
) -> DistillResult:
    """Train ``student`` to answer like ``teacher``, without data.

    The settings come from :func:`ssdkd.apis.recommended`. They are written to
    ``work_dir/config.py``, and then run as ``tools/train.py`` would run them. The networks are
    copied for that, so that both must be picklable; the teacher is not touched.

    Like every run, it seeds the random generators of Python, numpy and torch.

    In a script that torchrun starts, or after ``torch.distributed.init_process_group``, every
    process must call it. They train one student together, with the networks and settings of
    the first process. Every process gets the trained student; the first one writes the files.
    ``model.batch_size`` and ``model.synthesizer.batch_size`` are those of each process, see
    docs/distributed.md.

    Args:
        teacher (nn.Module): A trained network that maps images to logits [N, K] or
            [N, K, H, W], which may be part of what it returns; see ``output``.
        student (nn.Module): The network to train, starting with its present weights. Afterwards
            it holds the trained weights and is in evaluation mode.
        num_classes (int): Number of classes K; 2 for a network with one logit, and the number
            of labels if an image may have several.
        image_size (int | tuple[int, int]): Side of the synthetic images, or (H, W), from 8 to
            512.
        mean (float | Sequence[float]): Mean that the teacher's training subtracted from
            images in [0, 1], per channel. The student's images are normalised the same way.
        std (float | Sequence[float]): Standard deviation that it divided by, per channel.
        budget (int, optional): Rounds. One round trains the generator for a few steps, adds
            its batch to the buffer and trains the student for ``train_cfg.steps_per_round``
            steps; about the first tenth are warm-up rounds without student steps. The default
            depends on image size and device: 140 or more. After the first rounds the log shows
            how much time is left.
        minutes (float, optional): A budget of time in place of ``budget``: as many rounds as
            fit, with the learning rates at their end; see ``DistillLoop``.
        task (str): ``'classification'``, ``'binary'`` (one logit with a sigmoid),
            ``'multilabel'`` (a sigmoid for each label) or ``'segmentation'`` (which needs
            mmsegmentation).
        output (str | int | dict, optional): Where the logits are in what both networks return:
            a key, an attribute, an index, or the import path of a function that gives them. A
            dict ``{'teacher': ..., 'student': ...}`` says it of each. Defaults to None:
            ``logits`` or ``out`` of a dict, a dataclass or a Hugging Face ``ModelOutput``, the
            first element of a tuple; the log says what is taken.
        channels (int, optional): Channels of the images. Defaults to None: as many as mean and
            std have numbers, otherwise those of the teacher's first convolution.
        val_loader (Iterable, optional): Batches ``(images, labels)``, images uint8 or float in
            [0, 1] and *not* normalised. They only measure accuracy, mAP or mIoU a few times.
            With several processes, each gives all batches or its part. Defaults to None:
            nothing is measured.
        work_dir (str | Path, optional): A folder without a run in it. Defaults to
            ``work_dirs/distill/<time>``.
        seed (int): Seed of all random numbers. Defaults to 0.
        device (str | torch.device, optional): Defaults to the accelerator, if there is one,
            otherwise to the CPU.
        **overrides: Changes of the config by key: ``model=dict(batch_size=32)``, or
            ``**{'model.batch_size': 32}`` as with ``--cfg-options``.

    Returns:
        DistillResult: The student, and the results of the run.

    Raises:
        ConfigError: An argument cannot work; raised before training, with the remedy.
    """
    from ssdkd.visualization import write_report

    device = str(device or mmengine_device.get_device())
    launcher = _join(device)
    _check_networks(teacher, student)
    outputs = _by_role(output)
    channels = _channels(teacher, channels, mean, std)
    normalisation = dict(
        mean=_per_channel('mean', mean, channels), std=_per_channel('std', std, channels)
    )
    if channels != 3:
        normalisation['channels'] = channels
    cfg = recommended(
        num_classes=num_classes,
        image_size=image_size,
        task=task,
        device=device,
        budget=budget,
        minutes=minutes,
        batch_norm=_has_statistics(teacher),
        channels=channels,
        other_norms=has_other_norms(teacher),
    )
    val = val_loader
    if val is not None:
        val = ValBatches(val_loader, task, num_classes, channels)
    _merge(cfg, overrides)
    cfg.randomness.seed = seed
    check_config(cfg)
    check_sections(cfg)
    work_dir = _first(work_dir or f'work_dirs/distill/{time.strftime("%Y%m%d_%H%M%S")}')
    work_dir = Path(work_dir)
    with locked(work_dir, launcher):
        check_unused(work_dir, 'choose another work_dir, or remove it')
        barrier()  # the first process may write when all have looked
        path = work_dir / CONFIG
        command = f'ssdkd train {path}'
        if launcher != 'none':
            command = f'tools/dist_train.sh {path} {get_world_size()}'
        if is_main_process():
            _save(cfg, teacher, student, normalisation, outputs, work_dir)
            text = HEADER.format(command=command) + cfg.pretty_text
            write_whole(path, text)
        barrier()
        cfg = load_config(Namespace(config=path, cfg_options=None, work_dir=str(work_dir)))
        # One of its own for each run of a process, also of two in the same folder.
        cfg.experiment_name = f'{work_dir.resolve()}_{time.time_ns()}'
        if launcher != 'none':
            cfg.launcher = launcher
            cfg.model_wrapper_cfg = dict(type='ssdkd.DistributedDistiller')
        with _on(device):
            runner = StrictRunner.from_cfg(cfg)
            if is_main_process():
                write_whole(path, text)  # over the runner's own copy, which names this folder
            if not _has_statistics(teacher):
                runner.logger.warning(
                    'The teacher has no batch-norm statistics: model.synthesizer.losses has '
                    'priors of images and classes instead, see docs/teacher.md.'
                )
            runner.logger.info(
                f'The config of this run is {path}; {command} makes the same student.'
            )
            if val is not None:
                metric = {
                    'multilabel': dict(type='MultiLabelScores'),
                    'segmentation': dict(METRIC),
                }.get(task, dict(type='Accuracy'))
                # An object cannot stand in a config, from which the runner builds its own.
                runner._val_loop = ValLoop(runner, val, metric)
            model = runner.train()
    distiller = getattr(model, 'module', model)
    trained = distiller.part('student')
    inner = student.module if isinstance(student, nn.DataParallel) else student
    inner.load_state_dict(trained.model.state_dict())
    report = Path(_first(write_report(work_dir)[0] if is_main_process() else None))
    runner.logger.info(f'The report is {report}.')
    return DistillResult(
        student.eval(), _history(work_dir), distiller.buffer, report, cfg, work_dir
    )


def _join(device: str) -> str:
    """Join the process group, if there is one -> the launcher for the runner."""
    if not (torch.distributed.is_initialized() or torch.distributed.is_torchelastic_launched()):
        return 'none'
    join_processes('pytorch', device)
    if not torch.distributed.is_initialized():
        init_dist('pytorch')  # the runner would do it, but we have to agree on a folder before
    return 'pytorch'


def _first(value: Any) -> Any:
    """The first process's value, in every process."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def _check_networks(teacher: nn.Module, student: nn.Module) -> None:
    from ssdkd.models import Network

    for role, network in (('teacher', teacher), ('student', student)):
        if _is_exported(network):
            raise ConfigError(
                f'{role} is a program of torch.export, which has one fixed mode and takes no '
                'hooks and no copies; give the original module, with the weights of '
                'program.state_dict'
            )
        if not isinstance(network, nn.Module):
            raise ConfigError(f'{role} is a {type(network).__name__}; give an nn.Module')
        if isinstance(network, Network):
            raise ConfigError(
                f'{role} is a {type(network).__name__}, which normalises images itself; give '
                'its attribute model'
            )
        if any(isinstance(m, torch.jit.ScriptModule) for m in network.modules()):
            raise ConfigError(
                f'{role} is, or contains, TorchScript, which takes no hooks and no copies; '
                'give the original module, without torch.jit.script or torch.jit.trace'
            )
    if teacher is student:
        raise ConfigError('teacher and student are one module; give the student a copy')
    if not any(p.requires_grad for p in student.parameters()):
        raise ConfigError('student has no parameter with requires_grad, so nothing can train')


def _is_exported(network: object) -> bool:
    """Whether this is an ``ExportedProgram``, or the module that one gives."""
    if isinstance(network, torch.fx.GraphModule):
        try:
            network.train(network.training)
        except NotImplementedError:
            return True
    return isinstance(network, torch.export.ExportedProgram)


def _channels(teacher: nn.Module, stated: int | None, *normalisation: Any) -> int:
    """Channels of the images; see the argument ``channels``."""
    check_int('distill()', 1, optional=True, channels=stated)
    several = [len(numbers) for numbers in map(_listed, normalisation) if len(numbers) > 1]
    return stated or (several[0] if several else image_channels(teacher))


def _listed(values: float | Sequence[float]) -> list[float]:
    if isinstance(values, np.ndarray | torch.Tensor):
        values = values.flatten().tolist()
    return list(values) if isinstance(values, Sequence) else [values]


def _per_channel(key: str, values: float | Sequence[float], channels: int) -> list[float]:
    numbers = _listed(values)
    numbers = numbers * channels if len(numbers) == 1 else numbers
    allowed = '(0, 2]' if key == 'std' else '(-inf, 2]'
    if len(numbers) != channels or not all(is_number(n, allowed) for n in numbers):
        large = any(is_number(n, '(2, inf)') for n in numbers)
        raise ConfigError(
            f'{key}={values} must be one number, or one for each of {channels} channels, for '
            'images in [0, 1]'
            + (', above 0' if key == 'std' else '')
            + ('; divide those for images up to 255 by 255' if large else '')
        )
    return [float(n) for n in numbers]


def _has_statistics(teacher: nn.Module) -> bool:
    return any(map(has_statistics, teacher.modules()))


def _merge(cfg: Config, overrides: dict[str, Any]) -> None:
    arguments = [name for name in inspect.signature(distill).parameters if name != 'overrides']
    known = [*arguments, *KEYS, *cfg]
    for key in overrides:
        if key.split('.')[0] not in (*KEYS, *cfg):
            raise ConfigError(
                f"distill() has no argument '{key}', and the config has no such key"
                + nearest(key.split('.')[0], dict.fromkeys(known), 'see help(distill)')
            )
    cfg.merge_from_dict(overrides)
    rename_keys(cfg)
    without_delete(cfg)


def _by_role(output: Any) -> dict[str, dict]:
    """The argument ``output`` as arguments of both networks."""
    if isinstance(output, dict) and output.keys() - {'teacher', 'student'}:
        raise ConfigError(
            f"output={output} must have the keys 'teacher' and 'student', or be one key, index "
            'or import path for both'
        )
    by_role = output if isinstance(output, dict) else dict(teacher=output, student=output)
    return {role: dict(output=part) for role, part in by_role.items() if part is not None}


def _save(
    cfg: Config,
    teacher: nn.Module,
    student: nn.Module,
    normalisation: dict,
    outputs: dict[str, dict],
    work_dir: Path,
) -> None:
    """Write the networks, and name them in the config."""
    work_dir.mkdir(parents=True, exist_ok=True)
    for role, network in (('teacher', teacher), ('student', student)):
        file, content = NETWORK.format(role), io.BytesIO()
        try:
            torch.save(network, content)
        except Exception as error:  # whatever a member of the module raises
            raise ConfigError(
                f'{role} cannot be copied through a file ({type(error).__name__}: {error}); '
                'define its classes and functions at the top level of a module'
            ) from error
        write_whole(work_dir / file, content.getvalue())
        # mmengine puts the config's own folder there, so that the work directory can move.
        source = dict(type='SavedModule', file='{{ fileDirname }}/' + file)
        part = dict(cfg.model.get(role, {}), model=source, **normalisation)
        cfg.model[role] = part | outputs.get(role, {})


@contextmanager
def _on(device: str) -> Iterator[None]:
    """Let mmengine's Runner, which has no key for it, use this device."""
    before = mmengine_device.DEVICE
    mmengine_device.DEVICE = device
    try:
        yield
    finally:
        mmengine_device.DEVICE = before


def _history(work_dir: Path) -> list[dict[str, float]]:
    from ssdkd.visualization import read_curves

    curves = read_curves(work_dir)
    series = curves.scalars | curves.metrics
    rounds = sorted({n for values in series.values() for n in values})
    return [
        {'round': n} | {name: values[n] for name, values in series.items() if n in values}
        for n in rounds
    ]
