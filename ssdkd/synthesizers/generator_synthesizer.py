"""Samples from a generator that is trained throughout."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ssdkd.generators import BaseGenerator
from ssdkd.registry import GENERATORS, SYNTHESIZERS
from ssdkd.synthesizers.inversion import InversionSynthesizer
from ssdkd.tasks.base import BaseTask


@SYNTHESIZERS.register_module()
class GeneratorSynthesizer(InversionSynthesizer):
    """Trains one generator for a few steps a round and keeps the best batch of these steps.

    The latents of a round are optimised along with the generator (METHOD section 2). Each
    per-sample loss term is weighted by phi if the term says so; batch terms are not
    (METHOD section 3, *choice*).

    Args:
        generator (dict): Config of a generator.
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
            The names appear in the log.
        batch_size (int): Samples a round.
        steps (int): Generator steps a round.
        latent_lr (float): Learning rate of the latents (Adam); 0 leaves them as drawn.
            Defaults to 1e-2.
        crop_padding (int): Random shift of the images that the networks see, in pixels; 0
            for none. Defaults to 0.
        flip (bool): Random horizontal flip of the same. Defaults to False.
        modulate (bool): Weigh the terms by phi. Defaults to True.
    """

    def __init__(
        self,
        generator: dict,
        losses: dict[str, dict | None],
        batch_size: int,
        steps: int,
        latent_lr: float = 1e-2,
        crop_padding: int = 0,
        flip: bool = False,
        modulate: bool = True,
    ):
        built: BaseGenerator = GENERATORS.build(generator)
        super().__init__(
            losses, built.image_size, batch_size, steps, crop_padding, flip, modulate
        )
        self.generator = built
        self.latent_lr = latent_lr

    def synthesize(
        self,
        *,
        teacher: nn.Module,
        student: nn.Module,
        task: BaseTask,
        phi: Callable[[Tensor], Tensor],
        optim_wrapper,
        rng: torch.Generator,
        warmup: bool,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        phase = self.begin(teacher, student, task, phi, warmup)
        targets = self.draw_targets(rng)
        latents = torch.randn(
            self.batch_size, self.generator_module.latent_dim, generator=rng, device=rng.device
        )
        latents.requires_grad_(self.latent_lr > 0)
        latent_optimizer = torch.optim.Adam([latents], self.latent_lr, betas=(0.5, 0.999))
        for _ in range(self.steps):
            images = self.generator(latents, targets)
            total, terms = phase.evaluate(self.augment(images, rng), targets)
            phase.keep(total, terms, images=images)
            optim_wrapper['generator'].update_params(total)
            latent_optimizer.step()
            latent_optimizer.zero_grad()
        best, log = phase.finish()
        return best['images'].float(), log

    @property
    def generator_module(self) -> BaseGenerator:
        """The generator itself, also where a distributed wrapper stands around it."""
        return getattr(self.generator, 'module', self.generator)
