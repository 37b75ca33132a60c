"""Look where the teacher looks."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.losses.base import BaseDistillationLoss
from ssdkd.registry import LOSSES
from ssdkd.tasks.base import BaseTask

# Names of the stages of residual networks and the like: layer1, block2, backbone.layer3.
STAGE = re.compile(r'(.*\.)?(layer|block|stage)\d+')


@LOSSES.register_module()
class AttentionTransferLoss(BaseDistillationLoss):
    r"""Mean squared difference of the attention maps of some layers, summed over the layers.

    .. math:: \sum_l \frac{1}{P_l}
        \left\| \frac{a_l^s}{\|a_l^s\|_2} - \frac{a_l^t}{\|a_l^t\|_2} \right\|_2^2,
        \qquad a_l = \frac{1}{C_l} \sum_c h_{l,c}^2

    with the features h of layer l, whose maps have C channels and P pixels (Zagoruyko and
    Komodakis 2017, arXiv 1612.03928), as ZSKT uses it (Micaelli and Storkey 2019, arXiv
    1905.09768). ZSKT's code divides the KL term beside it by the number of classes.

    Args:
        weight (float): Factor of this term. Defaults to 250, as in ZSKT's code.
        layers (Sequence[str], optional): Names of the layers, the same in both networks; their
            maps must have the same size. Defaults to all stages that both networks have, such
            as layer1 to layer3 or block1 to block3.

    Raises:
        ConfigError: A network has no such layer, or the maps of one differ in size.
    """

    def __init__(self, weight: float = 250.0, layers: Sequence[str] | None = None):
        super().__init__(weight)
        self.layers = layers
        self._pairs: dict[str, tuple[nn.Module, nn.Module]] = {}
        self._maps: dict[str, list[Tensor]] = {}

    def attach(self, teacher: nn.Module, student: nn.Module) -> None:
        networks = [dict(network.model.named_modules()) for network in (teacher, student)]
        names = self.layers
        if names is None:
            names = [n for n in networks[0] if STAGE.fullmatch(n) and n in networks[1]]
        if not names:
            raise ConfigError(
                'model.distillation: AttentionTransferLoss finds no stages (layer1, block1, '
                '...) of the same name in teacher and student; name common layers in layers, '
                'or remove it (set it to None)'
            )
        for name in names:
            for role, network in zip(('teacher', 'student'), networks):
                if name not in network:
                    raise ConfigError(
                        f"model.distillation: AttentionTransferLoss: layers names '{name}', "
                        f'which the {role} does not have'
                    )
        # A plain dict, not a ModuleDict: the layers stay the networks'.
        self._pairs = {name: tuple(network[name] for network in networks) for name in names}

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Record the maps of the teacher's and of the student's pass inside, and no others."""
        handles = [
            layer.register_forward_hook(partial(self._record, role, name))
            for name, pair in self._pairs.items()
            for role, layer in zip(('teacher', 'student'), pair)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._maps.clear()

    def _record(self, role: str, name: str, layer: nn.Module, inputs, features: Tensor) -> None:
        if getattr(features, 'ndim', None) != 4:
            raise ConfigError(
                f"model.distillation: AttentionTransferLoss: layer '{name}' of the {role} "
                'gives no maps [N, C, H, W]; name others in layers'
            )
        self._maps[role, name] = features.float().square().mean(dim=1)

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, task: BaseTask) -> Tensor:
        return sum(self._difference(name) for name in self._pairs)

    def _difference(self, name: str) -> Tensor:
        teacher, student = self._maps['teacher', name], self._maps['student', name]
        if teacher.shape != student.shape:
            raise ConfigError(
                f"model.distillation: AttentionTransferLoss: the maps of layer '{name}' have "
                f'{list(teacher.shape[1:])} pixels in the teacher and '
                f'{list(student.shape[1:])} in the student; name layers of equal size in layers'
            )
        teacher, student = (F.normalize(maps.flatten(1), dim=1) for maps in (teacher, student))
        return (student - teacher).square().mean(dim=1)
