"""What a call of distill() takes from the work directory that it resumes."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from ssdkd.apis.networks import sample_size
from ssdkd.apis.one_run import task_of
from ssdkd.config.read import read_config
from ssdkd.errors import ConfigError
from ssdkd.models import saved_module
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.models.state_dict import auxiliary_keys
from ssdkd.runs import resume_point
from ssdkd.runs.files import CONFIG


def stored_config(work_dir: Path, budget: int | None, minutes: float | None) -> Config:
    """The config of an earlier call, with another length.

    Raises:
        ConfigError: There is none.
    """
    path = work_dir / CONFIG
    if not path.is_file():
        raise ConfigError(f"resume='{work_dir}': there is no config.py of distill() in it")
    cfg = read_config(str(path))
    if budget is not None:
        cfg.train_cfg.max_rounds = budget
    if minutes is not None:
        cfg.train_cfg.minutes = minutes
    return cfg


def check_same(cfg: Config, work_dir: str | Path, stated: dict[str, Any]) -> None:
    """Check that arguments agree with the config of the run that they resume."""
    task, size = cfg.model.task, sample_size(cfg)
    stored = dict(
        num_classes=task.num_classes,
        image_size=size[0] if size[0] == size[1] else size,
        task=task_of(cfg),
    )
    for key, value in stated.items():
        value = tuple(value) if isinstance(value, list) else value
        if value not in (None, stored[key], size if key == 'image_size' else None):
            raise ConfigError(
                f"{key}={value}, but the run in '{work_dir}' has {key}={stored[key]}; leave "
                'the argument out, or start another run'
            )


def check_same_networks(teacher: nn.Module, student: nn.Module, work_dir: str | Path) -> None:
    """Check that the teacher has the weights of the run's, and the student the shapes.

    The checkpoint's weights would be taken in their place. The student's have changed since.

    Raises:
        ConfigError: One is another network.
    """
    checkpoint = resume_point('auto', work_dir)
    if checkpoint is None:
        return
    state = read_checkpoint(checkpoint)['state_dict']
    for role, network, same in (
        ('teacher', teacher, _same_values),
        ('student', student, _same_shape),
    ):
        inner = network.module if isinstance(network, nn.DataParallel) else network
        start, given = f'{role}.model.', inner.state_dict()
        stored = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        left_out = auxiliary_keys(given, stored)
        for key in dict.fromkeys([*stored, *given]):
            if key in left_out:
                continue
            tensors = given.get(key), stored.get(key)
            kinds = {isinstance(t, Tensor) for t in tensors}
            if kinds == {True, False} or (kinds == {True} and not same(*tensors)):
                raise ConfigError(
                    f"resume='{work_dir}': {role} is another one than that of the run, {key} "
                    'differs; give the same, leave all networks out, or start another run '
                    'with work_dir='
                )


def _same_values(given: Tensor, stored: Tensor) -> bool:
    """What is stored is float32 also for half and double."""
    return torch.equal(given.detach().cpu().to(stored.dtype), stored)


def _same_shape(given: Tensor, stored: Tensor) -> bool:
    return given.shape == stored.shape


def stored_network(cfg: Config, role: str, work_dir: str | Path) -> nn.Module:
    """A network of an earlier call, as it was at the start."""
    source = cfg.model[role].model
    if source.type != 'SavedModule':
        raise ConfigError(
            f"resume='{work_dir}': the {role} of that run is in no file; give all arguments as "
            'in that call'
        )
    return saved_module(source.file)
