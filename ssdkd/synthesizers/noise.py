"""Gaussian noise in place of synthetic samples: a lower bound, not a method."""

import torch
from torch import Tensor

from ssdkd.buffers import SampleBatch
from ssdkd.checks import check_int
from ssdkd.generators.sizes import checked_size
from ssdkd.old_keys import accepts_old_keys
from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers.base import BaseSynthesizer, SynthesisContext


@SYNTHESIZERS.register_module()
@accepts_old_keys
class NoiseSynthesizer(BaseSynthesizer):
    """Draws every pixel from the normal distribution that the teacher's normalisation implies.

    What a method gains over this is what its inversion is worth. It trains nothing, so it
    wants no warm-up rounds.

    Args:
        image_size (int | tuple[int, int]): Side or (H, W).
        samples (int): Samples per round.
        channels (int): Channels of the images. Defaults to 3. In a run, those that the teacher
            takes, unless they are given.
    """

    def __init__(self, image_size: int | tuple[int, int], samples: int, channels: int = 3):
        check_int(self, 1, samples=samples, channels=channels)
        super().__init__()
        self.image_size = checked_size(image_size, smallest=1, largest=4096)
        self.channels = channels
        self.samples = samples

    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        shape = (self.samples, self.channels, *self.image_size)
        rng, teacher = context.rng, context.teacher
        noise = torch.randn(shape, generator=rng, device=rng.device)
        return dict(image=(teacher.mean + teacher.std * noise).clamp_(0, 1)), {}
