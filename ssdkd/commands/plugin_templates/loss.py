"""Say in a line what this loss is for."""

from ssdkd.losses import BaseInversionLoss
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class PluginName(BaseInversionLoss):
    """Mean squared distance of each image from its own mean colour, per sample."""

    modulated = True

    def forward(self, state):
        mean = state.images.mean(dim=(2, 3), keepdim=True)
        return (state.images - mean).square().mean(dim=(1, 2, 3))
