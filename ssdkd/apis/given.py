"""The networks that distill() was called with: checks, and how a config names them."""

import copy
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, get_world_size, is_main_process
from torch import nn

from ssdkd.atomic import write_whole
from ssdkd.errors import ConfigError
from ssdkd.models import Network, has_program, is_program
from ssdkd.models.program import NOT_TRAINED
from ssdkd.models.saved import GIVEN
from ssdkd.runs.files import NETWORK


def check_networks(teacher: nn.Module, student: nn.Module) -> None:
    """Check that these are two networks that can be copied, and that the second can train.

    Raises:
        ConfigError: One is something else.
    """
    if has_program(student):
        raise ConfigError(f'student {NOT_TRAINED}')
    for role, network in (('teacher', teacher), ('student', student)):
        if role == 'teacher' and is_program(network):
            continue
        if not isinstance(network, nn.Module):
            raise ConfigError(f'{role} is a {type(network).__name__}; give an nn.Module')
        if isinstance(network, Network):
            raise ConfigError(
                f'{role} is a {type(network).__name__}, which normalises images itself; give '
                'its attribute model'
            )
    if teacher is student:
        raise ConfigError('teacher and student are one module; give the student a copy')
    if not any(p.requires_grad for p in student.parameters()):
        raise ConfigError('student has no parameter with requires_grad, so nothing can train')


@contextmanager
def given(
    networks: dict[str, nn.Module], work_dir: Path, resume: bool
) -> Iterator[tuple[dict[str, dict], str | None]]:
    """Make networks available to the configs of a work directory.

    Each is written to a file there. One that cannot be pickled (with a lambda in it, or of a
    class inside a function) is kept in memory while this lasts. Of several processes, the first
    one's networks count.

    Args:
        networks: By role.
        work_dir: Folder of the run.
        resume: Whether the folder holds the networks already, as they were at the start.

    Yields:
        tuple: the config of each network by role, and why no command can build them again;
        None if one can.

    Raises:
        ConfigError: One cannot be copied, or, with several processes, not be pickled.
    """
    sources, reasons, keys = {}, {}, []
    try:
        for role, network in networks.items():
            file, reason = work_dir / NETWORK.format(role), None
            if is_main_process() and not (resume and file.exists()):
                reason = _write(network, file)
            reason = first(reason)
            # mmengine puts the config's own folder there, so that the work directory can move.
            sources[role] = dict(type='SavedModule', file='{{ fileDirname }}/' + file.name)
            if reason is not None:
                _check_copies(role, network, reason)
                sources[role]['type'] = 'GivenModule'
                keys.append(os.path.abspath(file))
                GIVEN[keys[-1]] = network
            elif (name := _of_main(network)) is not None:
                reason = f'only a script or notebook can build its class {name}'
            if reason is not None:
                reasons[role] = f'the {role}: {reason}'
        yield sources, '; '.join(reasons.values()) or None
    finally:
        for key in keys:
            GIVEN.pop(key, None)


def first(value: Any) -> Any:
    """The first process's value, in every process."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def _write(network: nn.Module, file: Path) -> str | None:
    """Write a network -> why it cannot be written, None if it is."""
    content = io.BytesIO()
    try:
        torch.save(network, content)
    except Exception as error:  # whatever a member of the module raises
        return f'it cannot be written to a file ({type(error).__name__}: {error})'
    write_whole(file, content.getvalue())
    return None


def _check_copies(role: str, network: nn.Module, reason: str) -> None:
    if get_world_size() > 1:
        raise ConfigError(
            f'{role}: {reason}, and several processes read it from there; define its classes '
            'and functions at the top level of a module'
        )
    try:
        copy.deepcopy(network)
    except Exception as error:
        raise ConfigError(
            f'{role} cannot be copied: {reason}, and copy.deepcopy fails, too '
            f'({type(error).__name__}: {error}); remove the member that it names'
        ) from error


def _of_main(network: nn.Module) -> str | None:
    """A class of a script or notebook that the network has, which only these can build."""
    names = (
        type(m).__qualname__ for m in network.modules() if type(m).__module__ == '__main__'
    )
    return next(names, None)
