"""What distillation terms share that compare layers of teacher and student."""

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ssdkd.checks import check_bool
from ssdkd.errors import ConfigError
from ssdkd.losses.distillation.base import BaseDistillationLoss
from ssdkd.models.layer_inputs import check_watchable, is_compiled
from ssdkd.models.output import NetworkOutput
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
        skip_misfits (bool): Leave out layers whose maps differ in shape, and the term where no
            stages have the same name, with a line in the log. Defaults to False: an error.

    Raises:
        ConfigError: A network has no such layer, it is compiled (a compiled network does not
            see that its layers are recorded), or the maps of two do not fit.
    """

    def __init__(
        self,
        weight: float,
        layers: Mapping[str, str] | Sequence[str] | None,
        skip_misfits: bool = False,
    ):
        check_bool(self, skip_misfits=skip_misfits)
        super().__init__(weight)
        self.layers = layers
        self.skip_misfits = skip_misfits

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
        given = dict(student=student.model, teacher=teacher.model)
        networks = {role: dict(network.named_modules()) for role, network in given.items()}
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
        if not names and self.skip_misfits:
            print_log(
                f'{self._key} is not used: it compares stages that teacher and student have '
                'under one name (layer1, block1, ...), and these networks share none. The '
                'other terms train the student.',
                'current',
            )
        elif not names:
            raise self._misfit(
                'no stages (layer1, block1, ...) have the same name in teacher and '
                "student; give layers={'name in the student': 'name in the teacher'}, or "
                'remove it (set it to None)'
            )
        pairs = dict(names) if isinstance(names, Mapping) else dict(zip(names, names))
        for pair in pairs.items():
            for role, name in zip(networks, pair):
                if name not in networks[role]:
                    raise self._misfit(f"layers names '{name}', which the {role} does not have")
                check_watchable(f'{self._key}: {role}', given[role], [name])
        self.student_layers, self.teacher_layers = tuple(pairs), tuple(pairs.values())

    def compare(self, student: NetworkOutput, teacher: NetworkOutput, task: BaseTask) -> Tensor:
        return sum(
            (
                self._difference(*pair, student.features[pair[0]], teacher.features[pair[1]])
                for pair in zip(self.student_layers, self.teacher_layers)
            ),
            start=student.logits.new_zeros(len(student.logits), dtype=torch.float32),
        )

    def _difference(
        self,
        student_name: str,
        teacher_name: str,
        student_calls: list[Tensor],
        teacher_calls: list[Tensor],
    ) -> Tensor:
        if not student_calls or len(student_calls) != len(teacher_calls):
            raise self._misfit(
                f"a pass calls the student's layer '{student_name}' {len(student_calls)} times "
                f"and the teacher's '{teacher_name}' {len(teacher_calls)} times; name in "
                'layers those that are called equally often, of networks without torch.compile'
            )
        kept = (
            [self._kept(role, name, maps) for maps in calls]
            for role, name, calls in (
                ('student', student_name, student_calls),
                ('teacher', teacher_name, teacher_calls),
            )
        )
        calls = [
            self._call_difference(student_name, teacher_name, *maps) for maps in zip(*kept)
        ]
        return calls[0] if len(calls) == 1 else torch.stack(calls).mean(dim=0)

    def _kept(self, role: str, name: str, maps: Tensor) -> Tensor:
        if getattr(maps, 'ndim', None) != 4:
            raise self._misfit(
                f"layer '{name}' of the {role} gives no maps [N, C, H, W]; name others in "
                'layers'
            )
        return self.keep(maps.float())

    def _call_difference(
        self, student_name: str, teacher_name: str, student: Tensor, teacher: Tensor
    ) -> Tensor:
        student = self.project(student)
        if student.shape != teacher.shape:
            shapes = (
                f"the student's layer '{student_name}' gives {list(student.shape[1:])} and "
                f"the teacher's '{teacher_name}' {list(teacher.shape[1:])}"
            )
            if not self.skip_misfits:
                raise self._misfit(f'{shapes}; name layers of equal shapes in layers')
            self._leave_out(student_name, shapes)
            return student.new_zeros(len(student))
        return self.difference(student, teacher)

    def _leave_out(self, name: str, why: str) -> None:
        """From now on; no features of it are recorded then, or kept."""
        if name in self.student_layers:
            i = self.student_layers.index(name)
            self.student_layers = self.student_layers[:i] + self.student_layers[i + 1 :]
            self.teacher_layers = self.teacher_layers[:i] + self.teacher_layers[i + 1 :]
            print_log(f'{self._key} leaves out a layer: {why}.', 'current')

    def _misfit(self, what: str) -> ConfigError:
        return ConfigError(f'{self._key}: {what}')
