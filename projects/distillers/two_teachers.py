"""An ensemble of teachers."""

import torch
from torch import Tensor, nn

from ssdkd.distillers import ReplayDistiller, Role
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS


@MODELS.register_module()
class TeacherEnsemble(nn.Module):
    """The mean of the logits of several teachers.

    Inversion losses see the layers of all of them.

    Args:
        members (list[dict]): Configs of the ``Teacher`` networks. The normalisation of the
            first is that of the student.

    Raises:
        ConfigError: There is no member.
    """

    def __init__(self, members: list[dict]):
        if not members:
            raise ConfigError('model.teacher.members is empty; give the config of a teacher')
        super().__init__()
        self.model = nn.ModuleList(MODELS.build({'type': 'Teacher', **m}) for m in members)
        self.mean, self.std = self.model[0].mean, self.model[0].std
        self.classes = self.model[0].classes

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([member(images) for member in self.model]).mean(dim=0)


@MODELS.register_module()
class EnsembleDistiller(ReplayDistiller):
    """A replay distiller whose summary also says how good each member of the ensemble is."""

    @property
    def roles(self) -> dict[str, Role]:
        members = {
            f'teacher_{i}': Role(f'teacher.model.{i}', network=True)
            for i in range(len(self.teacher.model))
        }
        return members | super().roles
