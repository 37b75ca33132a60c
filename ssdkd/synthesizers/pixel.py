"""Samples by optimisation of their pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ssdkd.buffers import SampleBatch
from ssdkd.checks import check_int, check_number, is_pair
from ssdkd.errors import ConfigError
from ssdkd.generators.sizes import checked_size
from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers.base import SynthesisContext
from ssdkd.synthesizers.inversion import InversionSynthesizer
from ssdkd.transforms import accepts_old_keys
from ssdkd.transforms.functional import random_roll


@SYNTHESIZERS.register_module()
@accepts_old_keys
class PixelSynthesizer(InversionSynthesizer):
    """Optimises the pixels of each batch from noise (DeepInversion, Yin et al. 2020).

    The pixels are those of normalised images, as the teacher sees them: noise is N(0, 1) and
    the learning rate is in the teacher's standard deviations
    (`arXiv 1912.08795 <https://arxiv.org/abs/1912.08795>`_). Defaults are the CIFAR-10 setting
    of the authors' code (github.com/NVlabs/DeepInversion, ``cifar10/``).

    Deviations: pixels stay in the range of images after every step, as in the authors'
    ImageNet script but not in that for CIFAR-10; classes are drawn at random where that script
    counts them off; and the best batch is kept, where theirs, by an alias, is the last.

    There is no generator, and so nothing to warm up.

    Args:
        image_size (int | tuple[int, int]): Side or (H, W).
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
        batch_size (int): Samples per step. The best step's are those of the round.
        steps (int): Optimisation steps per round. Defaults to 2000.
        pixel_lr (float): Learning rate of the normalised pixels (Adam). Defaults to 0.1.
        betas (tuple[float, float]): Those of Adam. Defaults to (0.9, 0.999).
        jitter (int): In each step the networks see the batch rolled by the same random
            -jitter ... jitter pixels, both ways. Defaults to 2.
        augment (Sequence[dict]): Configs of batch transforms, applied after that. Defaults to
            none.
        modulate (bool): Weigh the terms by phi. Defaults to True; the authors have none.
        channels (int): Channels of the images. Defaults to 3. In a run, those that the teacher
            takes, unless they are given.

    Raises:
        ConfigError: A number is out of its range; ``jitter`` must be less than the image.
    """

    def __init__(
        self,
        image_size: int | tuple[int, int],
        losses: dict[str, dict | None],
        batch_size: int,
        steps: int = 2000,
        pixel_lr: float = 0.1,
        betas: tuple[float, float] = (0.9, 0.999),
        jitter: int = 2,
        augment: Sequence[dict] = (),
        modulate: bool = True,
        channels: int = 3,
    ):
        size = checked_size(image_size, smallest=1, largest=4096)
        check_int(self, 1, channels=channels)
        check_int(self, 0, min(size) - 1, jitter=jitter)
        check_number(self, '(0, inf)', pixel_lr=pixel_lr)
        if not is_pair(betas, '[0, 1)'):
            raise ConfigError(f'PixelSynthesizer: betas={betas} must be two numbers in [0, 1)')
        super().__init__(losses, size, batch_size, steps, augment, modulate)
        self.channels = channels
        self.pixel_lr = pixel_lr
        self.betas = betas
        self.jitter = jitter

    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        phase = self.begin(context)
        rng = context.rng
        targets = self.draw_targets(self.batch_size, rng)
        shape = (self.batch_size, self.channels, *self.image_size)
        mean, std = context.teacher.mean, context.teacher.std
        black, white = -mean / std, (1 - mean) / std
        pixels = torch.randn(shape, generator=rng, device=rng.device).clamp_(black, white)
        pixels.requires_grad_()
        optimizer = torch.optim.Adam([pixels], self.pixel_lr, betas=tuple(self.betas))
        for _ in range(self.steps):
            images = mean + std * pixels
            total, terms = phase.evaluate(self.augment(images, rng), targets)
            phase.keep(total, terms, image=images)
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            with torch.no_grad():
                pixels.clamp_(black, white)
        best, log = phase.finish()
        # Rounding errors may leave the range of images.
        images = best['image'].float().clamp_(0, 1)
        return dict(image=images, target=targets), log

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return super().augment(random_roll(images, self.jitter, rng), rng)
