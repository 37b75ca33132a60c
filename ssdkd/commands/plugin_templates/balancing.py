"""Say in a line what this balancing function is for."""

import torch

from ssdkd.registry import BALANCING


@BALANCING.register_module()
class PluginName:
    """Counts samples the less, the more samples the buffer holds of their class."""

    needs_counts = True

    @torch.no_grad()
    def __call__(self, output, buffer):
        phi = torch.ones_like(output.confidence)
        if len(buffer):
            share = (buffer.class_counts / buffer.class_counts.sum()).to(phi)
            phi = 1 / (1 + output.class_share @ share)
        return phi
