"""Samples from one generator, which is trained in every round."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ssdkd.buffers import SampleBatch
from ssdkd.checks import check_int, check_number
from ssdkd.generators import BaseGenerator, build_generator
from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers.base import SynthesisContext
from ssdkd.synthesizers.inversion import InversionSynthesizer, Phase
from ssdkd.transforms import accepts_old_keys


@SYNTHESIZERS.register_module()
@accepts_old_keys
class GeneratorSynthesizer(InversionSynthesizer):
    """Trains one generator for a few steps per round and keeps the best batch of these steps.

    The latents of a round are optimised along with the generator. Each
    per-sample loss term is weighted by phi if the term says so; batch terms are not
    (docs/method.md, "Choices").

    Args:
        generator (dict): Config of a generator.
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
            The names appear in the log.
        batch_size (int): Samples per step. The best step's are those of the round.
        steps (int): Generator steps per round.
        latent_lr (float): Learning rate of the latents (Adam); 0 leaves them as drawn.
            Defaults to 1e-2.
        augment (Sequence[dict]): Configs of batch transforms, applied to the images that the
            networks see, in their order. Defaults to none.
        modulate (bool): Weigh the terms by phi. Defaults to True.
        samples (int, optional): Samples of the round. With a number, they are fresh samples of
            the trained generator, made in chunks of ``batch_size``: for methods that keep no
            samples and show the student new ones in every step, as DAFL, ZSKT, DFAD and DFQ
            do. Defaults to None: the best step's, ``batch_size`` samples.

    Raises:
        ConfigError: A number is out of its range.
    """

    def __init__(
        self,
        generator: dict,
        losses: dict[str, dict | None],
        batch_size: int,
        steps: int,
        latent_lr: float = 1e-2,
        augment: Sequence[dict] = (),
        modulate: bool = True,
        samples: int | None = None,
    ):
        check_int(self, 1, optional=True, samples=samples)
        check_number(self, '[0, inf)', latent_lr=latent_lr)
        built: BaseGenerator = build_generator(generator)
        super().__init__(losses, built.image_size, batch_size, steps, augment, modulate)
        self.channels = built.channels
        self.generator = built
        self.latent_lr = latent_lr
        self.samples = samples or batch_size
        self.keeps_best = samples is None

    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        phase = self.begin(context)
        rng = context.rng
        targets, latents = self.draw(self.batch_size, self.generator_module, rng)
        latents.requires_grad_(self.latent_lr > 0)
        latent_optimizer = torch.optim.Adam([latents], self.latent_lr, betas=(0.5, 0.999))
        for _ in range(self.steps):
            self._step(phase, context, latents, targets)
            latent_optimizer.step()
            latent_optimizer.zero_grad()
        best, log = phase.finish()
        if not self.keeps_best:
            return self.fresh_samples(self.generator_module, rng), log
        return dict(image=best['image'].float(), target=targets, latent=best['latent']), log

    def _step(
        self, phase: Phase, context: SynthesisContext, latents: Tensor, targets: Tensor
    ) -> None:
        images = context.replayed(self.generator)(latents, targets)
        total, terms = phase.evaluate(self.augment(images, context.rng), targets)
        phase.keep(total, terms, image=images, latent=latents)
        context.optim_wrapper['generator'].update_params(total)

    @property
    def generator_module(self) -> BaseGenerator:
        """The generator itself, also where a distributed wrapper stands around it."""
        return getattr(self.generator, 'module', self.generator)
