"""Distillation as one function, without a config file."""

import inspect
import itertools
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import init_dist, is_main_process
from torch import nn

from ssdkd.apis.arguments import in_arguments
from ssdkd.apis.check import check_config, check_sections
from ssdkd.apis.check_training import check_training
from ssdkd.apis.given import check_networks, first, given
from ssdkd.apis.one_run import task_of, teacher_statistics, train
from ssdkd.apis.recommended import recommended
from ssdkd.apis.result import DistillResult
from ssdkd.apis.resumed import (
    check_same,
    check_same_networks,
    stored_config,
    stored_network,
)
from ssdkd.apis.surroundings import kept_surroundings
from ssdkd.apis.val_batches import ValBatches
from ssdkd.checks import check_int, is_number
from ssdkd.config.read import placing_options, without_delete
from ssdkd.config.top_level import KEYS, likely_meant
from ssdkd.engine.distributed import join_processes
from ssdkd.errors import ConfigError
from ssdkd.losses import has_other_norms
from ssdkd.models import image_channels, wrap_programs
from ssdkd.old_keys import rename_keys
from ssdkd.runs import locked, removed_if_unused

# Arguments of distill() that describe a new run.
NEEDED = ('teacher', 'student', 'num_classes', 'image_size', 'mean', 'std')


def distill(
    teacher: nn.Module | None = None,
    student: nn.Module | None = None,
    *,
    num_classes: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    budget: int | None = None,
    minutes: float | None = None,
    task: str | None = None,
    output: str | int | dict[str, str | int] | None = None,
    channels: int | None = None,
    val_loader: Iterable | None = None,
    work_dir: str | Path | None = None,
    resume: str | Path | None = None,
    seed: int | None = None,
    device: str | torch.device | None = None,
    **overrides: Any,
) -> DistillResult:
    """Train ``student`` to answer like ``teacher``, without data.

    The settings come from :func:`ssdkd.apis.recommended`. They are written to
    ``work_dir/config.py``, and then run as ``ssdkd train`` would run them. The networks are
    copied for that; the teacher is not touched. If one cannot be pickled (a lambda, a class
    inside a function), or its class is of a script or notebook, the log says that no command
    can repeat the run.

    Random states, grad mode, loggers, mmengine's default scope and other global states are
    afterwards as they were before, also after an error: see ``kept_surroundings``.

    In a script that torchrun starts, or after ``torch.distributed.init_process_group``, every
    process must call it. They train one student together, with the networks and settings of
    the first process. Every process gets the trained student; the first one writes the files.
    ``model.batch_size`` and ``model.synthesizer.batch_size`` are those of each process, see
    docs/distributed.md.

    Args:
        teacher (nn.Module): A trained network that maps images to logits [N, K] or
            [N, K, H, W], which may be part of what it returns; see ``output``. TorchScript and
            programs of ``torch.export`` count as networks without batch norm.
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
        task (str): ``'classification'`` (the default), ``'binary'`` (one logit with a sigmoid),
            ``'multilabel'`` (a sigmoid for each label) or ``'segmentation'``.
        output (str | int | dict, optional): Where the logits are in what both networks return:
            a key, an attribute, an index, or the import path of a function that gives them. A
            dict ``{'teacher': ..., 'student': ...}`` says it of each. Defaults to None:
            ``logits`` or ``out`` of a dict, a dataclass or a Hugging Face ``ModelOutput``, the
            first element of a tuple; the log says what is taken.
        channels (int, optional): Channels of the images. Defaults to None: as many as mean and
            std have numbers, otherwise those of the teacher's first convolution.
        val_loader (Iterable, optional): A ``DataLoader``, a data set, or any other form of
            docs/val_sets.md, with images uint8 or float in [0, 1] and *not* normalised. They
            only measure accuracy, mAP or mIoU a few times. With several processes, each gives
            all batches or its part. Defaults to None: nothing is measured.
        work_dir (str | Path, optional): A folder without a run in it. Defaults to a new one,
            ``work_dirs/distill/<time>``.
        resume (str | Path, optional): Work directory of an earlier call, which goes on from its
            newest checkpoint, with the same result as without the stop. Give the other
            arguments as in that call, or no networks and settings: they are read from the
            folder then. ``budget`` or ``minutes`` may be larger. Defaults to None: a new run.
        seed (int): Seed of all random numbers. Defaults to 0.
        device (str | torch.device, optional): Defaults to the accelerator, if there is one,
            otherwise to the CPU.
        **overrides: Changes of the config by key: ``model=dict(batch_size=32)``, or
            ``**{'model.batch_size': 32}`` as with ``--cfg-options``.

    Returns:
        DistillResult: The student, and the results of the run.

    Raises:
        ConfigError: An argument cannot work; raised before training, with the remedy.
        TypeError: An argument is missing.
    """
    arguments = dict(
        teacher=teacher,
        student=student,
        num_classes=num_classes,
        image_size=image_size,
        mean=mean,
        std=std,
    )
    missing = [name for name in NEEDED if arguments[name] is None]
    if missing and (resume is None or len(missing) < len(NEEDED)):
        raise TypeError(
            f'distill() needs {", ".join(missing)}'
            + '; to resume, give all of these arguments or none' * (resume is not None)
        )
    if None not in (resume, work_dir) and Path(work_dir).resolve() != Path(resume).resolve():
        raise ConfigError(f"work_dir='{work_dir}' and resume='{resume}' must be one folder")
    device = str(device or get_device())
    with kept_surroundings(device), in_arguments(overrides):
        launcher, outputs = _join(device), _by_role(output)
        if resume is not None:
            cfg = stored_config(Path(resume), budget, minutes)
            stated = dict(num_classes=num_classes, image_size=image_size, task=task)
            check_same(cfg, resume, stated)
        if missing:
            teacher, student = (
                stored_network(cfg, role, resume) for role in ('teacher', 'student')
            )
        else:
            check_networks(teacher, student)
            teacher = wrap_programs(teacher)
            if resume is not None:
                check_same_networks(teacher, student, resume)
        normalisation = {}
        if not missing:
            channels = _channels(teacher, channels, mean, std)
            normalisation = dict(
                mean=_per_channel('mean', mean, channels),
                std=_per_channel('std', std, channels),
            )
            if channels != 3:
                normalisation['channels'] = channels
        if resume is None:
            cfg = recommended(
                num_classes=num_classes,
                image_size=image_size,
                task=task or 'classification',
                device=device,
                budget=budget,
                minutes=minutes,
                batch_norm=teacher_statistics(teacher, image_size, channels),
                other_norms=has_other_norms(teacher),
            )
        for role in ('teacher', 'student'):
            part = dict(cfg.model.get(role, {}), **normalisation)
            cfg.model[role] = part | outputs.get(role, {})
        _merge(cfg, overrides)
        cfg.randomness.seed = cfg.randomness.seed if seed is None else seed
        check_config(cfg)
        check_sections(cfg)
        check_training(cfg)
        val = None
        if val_loader is not None:
            val = ValBatches(
                val_loader,
                task_of(cfg),
                cfg.model.task.num_classes,
                cfg.model.teacher.get('channels', 3),
            )
        folder = Path(first(resume or work_dir or _new_folder()))
        with (
            removed_if_unused(folder, made=work_dir is None and resume is None),
            locked(folder, launcher),
            given(dict(teacher=teacher, student=student), folder, resume is not None) as (
                sources,
                reason,
            ),
        ):
            cfg, distiller = train(
                cfg, sources, reason, val, folder, launcher, resume is not None
            )
        history = _history(folder)
    inner = student.module if isinstance(student, nn.DataParallel) else student
    network = distiller.part('student').eval()
    _load(inner, network.model.state_dict())
    return DistillResult(student.eval(), history, distiller.buffer, network, cfg, folder)


def _by_role(output: Any) -> dict[str, dict]:
    """The argument ``output`` as arguments of both networks."""
    if isinstance(output, dict) and output.keys() - {'teacher', 'student'}:
        raise ConfigError(
            f"output={output} must have the keys 'teacher' and 'student', or be one key, index "
            'or import path for both'
        )
    by_role = output if isinstance(output, dict) else dict(teacher=output, student=output)
    return {role: dict(output=part) for role, part in by_role.items() if part is not None}


def _new_folder() -> Path:
    """Make a work directory that no other call has, in this process or another."""
    folder = Path('work_dirs/distill', time.strftime('%Y%m%d_%H%M%S'))
    if not is_main_process():
        return folder  # the first process's counts
    for number in itertools.count(1):
        path = folder if number == 1 else folder.with_name(f'{folder.name}_{number}')
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path


def _load(student: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Give the caller's module its trained weights."""
    tensors = itertools.chain(student.parameters(), student.buffers())
    # Those made in inference mode cannot be written to outside of it.
    made_there = any(tensor.is_inference() for tensor in tensors)
    student.load_state_dict(
        weights, assign=made_there and not torch.is_inference_mode_enabled()
    )


def _join(device: str) -> str:
    """Join the process group, if there is one -> the launcher for the runner."""
    if not (torch.distributed.is_initialized() or torch.distributed.is_torchelastic_launched()):
        return 'none'
    join_processes('pytorch', device)
    if not torch.distributed.is_initialized():
        init_dist('pytorch')  # the runner would do it, but we have to agree on a folder before
    return 'pytorch'


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
        if any(is_number(n, '(2, inf)') for n in numbers):
            raise ConfigError(
                f'{key}={values} is for images up to 255, but ours are in [0, 1]; divide by '
                '255, both mean and std'
            )
        raise ConfigError(
            f'{key}={values} must be one number, or one for each of {channels} channels, for '
            'images in [0, 1]' + (', above 0' if key == 'std' else '')
        )
    return [float(n) for n in numbers]


def _merge(cfg: Config, overrides: dict[str, Any]) -> None:
    arguments = [name for name in inspect.signature(distill).parameters if name != 'overrides']
    for key in overrides:
        name = key.split('.')[0]
        if name not in (*KEYS, *cfg):
            hint = likely_meant(name, cfg, [*arguments, *KEYS, *cfg], 'see help(distill)')
            raise ConfigError(
                f"distill() has no argument '{key}', and the config has no such key; {hint}"
            )
    with placing_options('distill()'):
        cfg.merge_from_dict(overrides)
    rename_keys(cfg)
    without_delete(cfg)


def _history(work_dir: Path) -> list[dict[str, float]]:
    from ssdkd.visualization import read_curves

    curves = read_curves(work_dir)
    series = curves.scalars | curves.metrics
    rounds = sorted({n for values in series.values() for n in values})
    return [
        {'round': n} | {name: values[n] for name, values in series.items() if n in values}
        for n in rounds
    ]
