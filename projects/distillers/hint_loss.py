"""Feature loss with a trained head."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.losses import BaseLayerLoss
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class HintLoss(BaseLayerLoss):
    """Mean squared error between the teacher's features and a projection of the student's.

    A 1x1 convolution brings the student's channels to the number of the teacher's, as in
    FitNets (Romero et al. 2015, arXiv 1412.6550). It is trained together with the student, by
    the same optimizer.

    Args:
        student_channels (int): Channels of the student's layer.
        teacher_channels (int): Channels of the teacher's layer.
        layers (Mapping[str, str] | Sequence[str]): One layer, see ``BaseLayerLoss``.
        weight (float): Factor of this term. Defaults to 1.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        layers: Mapping[str, str] | Sequence[str],
        weight: float = 1.0,
    ):
        check_int(self, 1, student_channels=student_channels, teacher_channels=teacher_channels)
        super().__init__(weight, layers)
        self.head = nn.Conv2d(student_channels, teacher_channels, 1)

    def keep(self, maps: Tensor) -> Tensor:
        return maps

    def project(self, student: Tensor) -> Tensor:
        return self.head(student)

    def difference(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (student - teacher).square().flatten(1).mean(dim=1)
