"""Initialisation of a student with layers of its teacher."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError


@torch.no_grad()
def reuse_layers(student: nn.Module, teacher: nn.Module, layers: Mapping[str, str]) -> None:
    """Copy weights and statistics of some of a teacher's layers into a student's.

    Libraries name the parts of the same layer differently, so the tensors are paired by their
    order.

    Args:
        student (nn.Module): The plain network, changed in place.
        teacher (nn.Module): The plain network.
        layers (Mapping[str, str]): Name of a module of the student to that of the teacher's
            which it starts from; their tensors must have the same shapes.

    Raises:
        ConfigError: A network has no such module, or their tensors differ.
    """
    for student_name, teacher_name in layers.items():
        own = _tensors(student, 'student', student_name)
        reused = _tensors(teacher, 'teacher', teacher_name)
        if [t.shape for t in own] != [t.shape for t in reused]:
            raise ConfigError(
                f"model.reuse: '{student_name}' of the student has tensors of {_shapes(own)}, "
                f"but '{teacher_name}' of the teacher of {_shapes(reused)}; choose layers, or "
                'a student, of equal shapes'
            )
        for target, source in zip(own, reused):
            target.copy_(source)


def _tensors(network: nn.Module, role: str, name: str) -> list[Tensor]:
    try:
        module = network.get_submodule(name)
    except AttributeError as error:
        raise ConfigError(
            f"model.reuse names '{name}', which the {role} does not have; its modules are "
            f'{", ".join(n for n, _ in network.named_children())} and those inside them'
        ) from error
    return list(module.state_dict().values())


def _shapes(tensors: list[Tensor]) -> str:
    shapes = [str(list(t.shape)) for t in tensors]
    return ', '.join(shapes[:6]) + (', ...' if len(shapes) > 6 else '')
