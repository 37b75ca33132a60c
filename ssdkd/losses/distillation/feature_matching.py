"""Feature-matching loss."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from ssdkd.losses.distillation.layers import BaseLayerLoss
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class FeatureMatchingLoss(BaseLayerLoss):
    r"""Squared relative error of the features of some layers, summed over the layers.

    .. math:: \sum_l \frac{\| h_l^s - h_l^t \|_2^2}{\| h_l^t \|_2^2}

    with the features h of layer l, all channels and pixels of a sample, as hints are given in
    FitNets (Romero et al. 2015, arXiv 1412.6550). *choice*: divided by the size of the
    teacher's, so that one weight serves all layers. Beside ``model.reuse`` of the teacher's
    head, which then finds the features that it knows, this is SimKD (Chen et al. 2022, arXiv
    2203.14001) without the projector: the channels must be the same number.

    Args:
        weight (float): Factor of this term. Defaults to 1.
        layers (Mapping[str, str] | Sequence[str], optional): Name of the student's layer to
            that of the teacher's, a sequence where they have the same names; the maps of both
            must have the same shape. Defaults to all stages that both networks have, such as
            layer1 to layer3 or block1 to block3.
        skip_misfits (bool): Leave out layers whose maps differ in shape, and the term where no
            stages have the same name, with a line in the log. Defaults to False: an error.

    Raises:
        ConfigError: A network has no such layer, or the maps of two differ in shape.
    """

    def __init__(
        self,
        weight: float = 1.0,
        layers: Mapping[str, str] | Sequence[str] | None = None,
        skip_misfits: bool = False,
    ):
        super().__init__(weight, layers, skip_misfits)

    def keep(self, maps: Tensor) -> Tensor:
        """The features themselves."""
        return maps

    def difference(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Squared error in units of the teacher's squared features."""
        error, size = (
            maps.square().flatten(1).sum(dim=1) for maps in (student - teacher, teacher)
        )
        return error / size.clamp_min(1e-12)  # maps that are 0 everywhere
