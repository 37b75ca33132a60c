"""Say in a line what this synthesizer is for."""

import torch

from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers import BaseSynthesizer


@SYNTHESIZERS.register_module()
class PluginName(BaseSynthesizer):
    """Images of one random colour each."""

    def __init__(self, image_size=32, samples=64):
        super().__init__()
        self.image_size = (image_size, image_size)
        self.samples = samples

    def synthesize(self, context):
        rng = context.rng
        colour = torch.rand(self.samples, 3, generator=rng, device=rng.device)
        image = colour[:, :, None, None].expand(-1, -1, *self.image_size).clone()
        # Every key is a column of the buffer: samplers read buffer.columns['colour'].
        return dict(image=image, colour=colour), {}
