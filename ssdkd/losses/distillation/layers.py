"""What distillation terms share that compare layers of teacher and student."""

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.losses.distillation.base import BaseDistillationLoss
from ssdkd.models.layer_inputs import check_watchable, is_compiled
from ssdkd.tasks.base import BaseTask

# Names of the stages of residual networks and the like: layer1, block2, backbone.layer3.
STAGE = re.compile(r'(.*\.)?(layer|block|stage)\d+')


class BaseLayerLoss(BaseDistillationLoss):
    """The difference of what some layers of teacher and student give, summed over the layers.

    Subclasses say what is kept of a layer's maps, and how two of these differ. Of a layer that
    is called several times in a pass, each call of the student's is compared with the same call
    of the teacher's, and their mean counts.

    Args:
        weight (float): Factor of this term.
        layers (Mapping[str, str] | Sequence[str], optional): Name of the student's layer to
            that of the teacher's; a sequence where they have the same names. Defaults to all
            stages that both networks have, such as layer1 to layer3 or block1 to block3.

    Raises:
        ConfigError: A network has no such layer, it is compiled (the hooks that come and go
            with each pass are not seen then), or the maps of two do not fit.
    """

    def __init__(self, weight: float, layers: Mapping[str, str] | Sequence[str] | None):
        super().__init__(weight)
        self.layers = layers
        # A plain dict, not a ModuleDict: the networks stay the distiller's.
        self._networks: dict[str, nn.Module] = {}
        self._pairs: dict[str, str] = {}
        self._kept: dict[tuple[str, str], list[Tensor]] = {}

    @property
    def _key(self) -> str:
        return f'model.distillation: {type(self).__name__}'

    @abstractmethod
    def keep(self, maps: Tensor) -> Tensor:
        """What is kept of a layer's maps [N, C, H, W], in float32."""

    def project(self, student: Tensor) -> Tensor:
        """Bring what was kept of a student's layer to the teacher's shape (default: as it is).

        The place for a head that is trained with the student.
        """
        return student

    @abstractmethod
    def difference(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Difference [N] of what was kept of a student's and of a teacher's layer."""

    def attach(self, teacher: nn.Module, student: nn.Module) -> None:
        self._networks = dict(student=student.model, teacher=teacher.model)
        networks = {r: dict(n.named_modules()) for r, n in self._networks.items()}
        for role, modules in networks.items():
            if any(is_compiled(m) for m in modules.values()):
                raise self._misfit(f'the {role} is compiled; give it without torch.compile')
        names = self.layers
        if names is None:
            names = [
                n
                for n in networks['teacher']
                if STAGE.fullmatch(n) and n in networks['student']
            ]
        if not names:
            raise self._misfit(
                'no stages (layer1, block1, ...) have the same name in teacher and '
                "student; give layers={'name in the student': 'name in the teacher'}, or "
                'remove it (set it to None)'
            )
        self._pairs = (
            dict(names) if isinstance(names, Mapping) else {name: name for name in names}
        )
        for pair in self._pairs.items():
            for role, name in zip(networks, pair):
                if name not in networks[role]:
                    raise self._misfit(f"layers names '{name}', which the {role} does not have")
                check_watchable(f'{self._key}: {role}', self._networks[role], [name])

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Record the teacher's and the student's pass inside, and no others."""
        # By name each time: layers may have been replaced since the last.
        handles = [
            network.get_submodule(name).register_forward_hook(partial(self._record, role, name))
            for pair in self._pairs.items()
            for (role, network), name in zip(self._networks.items(), pair)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._kept.clear()

    def _record(self, role: str, name: str, layer: nn.Module, inputs, maps: Tensor) -> None:
        if getattr(maps, 'ndim', None) != 4:
            raise self._misfit(
                f"layer '{name}' of the {role} gives no maps [N, C, H, W]; name others in "
                'layers'
            )
        self._kept.setdefault((role, name), []).append(self.keep(maps.float()))

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, task: BaseTask) -> Tensor:
        return sum(self._difference(*pair) for pair in self._pairs.items())

    def _difference(self, student_name: str, teacher_name: str) -> Tensor:
        student_calls = self._kept.get(('student', student_name), [])
        teacher_calls = self._kept.get(('teacher', teacher_name), [])
        if not student_calls or len(student_calls) != len(teacher_calls):
            raise self._misfit(
                f"a pass calls the student's layer '{student_name}' {len(student_calls)} times "
                f"and the teacher's '{teacher_name}' {len(teacher_calls)} times; name in "
                'layers those that are called equally often, of networks without torch.compile'
            )
        calls = [
            self._call_difference(student_name, teacher_name, *maps)
            for maps in zip(student_calls, teacher_calls)
        ]
        return calls[0] if len(calls) == 1 else torch.stack(calls).mean(dim=0)

    def _call_difference(
        self, student_name: str, teacher_name: str, student: Tensor, teacher: Tensor
    ) -> Tensor:
        student = self.project(student)
        if student.shape != teacher.shape:
            raise self._misfit(
                f"the student's layer '{student_name}' gives {list(student.shape[1:])} and "
                f"the teacher's '{teacher_name}' {list(teacher.shape[1:])}; name layers of "
                'equal shapes in layers'
            )
        return self.difference(student, teacher)

    def _misfit(self, what: str) -> ConfigError:
        return ConfigError(f'{self._key}: {what}')
