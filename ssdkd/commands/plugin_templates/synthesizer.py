"""Say in a line what this synthesizer is for."""

import torch

from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers import BaseSynthesizer


@SYNTHESIZERS.register_module()
class PluginName(BaseSynthesizer):
    """Images of one random colour each."""

    def __init__(self, image_size=32, batch_size=64):
        super().__init__()
        self.image_size = (image_size, image_size)
        self.batch_size = batch_size

    def synthesize(self, *, teacher, student, task, phi, optim_wrapper, rng, warmup):
        colours = torch.rand(self.batch_size, 3, 1, 1, generator=rng, device=rng.device)
        return colours.expand(-1, -1, *self.image_size).clone(), {}
