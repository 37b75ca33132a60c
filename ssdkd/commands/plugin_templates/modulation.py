"""Say in a line what this modulating function is for."""

import torch

from ssdkd.modulation import BaseModulation
from ssdkd.registry import MODULATIONS


@MODULATIONS.register_module()
class PluginName(BaseModulation):
    """Counts samples the less, the more samples the buffer holds of their class."""

    needs_counts = True

    @torch.no_grad()
    def __call__(self, output, buffer):
        weights = torch.ones_like(output.confidence)
        if len(buffer):
            share = (buffer.class_counts / buffer.class_counts.sum()).to(weights)
            weights = 1 / (1 + output.class_share @ share)
        return weights
