"""Samples from a generator that is trained throughout."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ssdkd.datasets.augment import random_crop_flip
from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator
from ssdkd.losses import BaseInversionLoss, InversionState
from ssdkd.registry import GENERATORS, LOSSES, SYNTHESIZERS
from ssdkd.synthesizers.base import BaseSynthesizer
from ssdkd.tasks.base import BaseTask


@SYNTHESIZERS.register_module()
class GeneratorSynthesizer(BaseSynthesizer):
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
        super().__init__()
        self.generator: BaseGenerator = GENERATORS.build(generator)
        self.losses: dict[str, BaseInversionLoss] = nn.ModuleDict(
            {name: LOSSES.build(cfg) for name, cfg in losses.items() if cfg is not None}
        )
        self.image_size = self.generator.image_size
        self.batch_size = batch_size
        self.steps = steps
        self.latent_lr = latent_lr
        self.crop_padding = crop_padding
        self.flip = flip
        self.modulate = modulate

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        self.num_classes = num_classes
        for loss in self.losses.values():
            loss.attach(teacher)

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
        losses = {k: v for k, v in self.losses.items() if not (warmup and v.needs_student)}
        if not losses:
            raise ConfigError(
                'train_cfg.warmup_rounds: no term of model.synthesizer.losses works without a '
                'trained student; set it to 0 or add a term'
            )
        needs_student = any(loss.needs_student for loss in losses.values())
        n, device = self.batch_size, rng.device
        targets = torch.randint(self.num_classes, (n,), generator=rng, device=device)
        latents = torch.randn(n, self.generator_module.latent_dim, generator=rng, device=device)
        latents.requires_grad_(self.latent_lr > 0)
        latent_optimizer = torch.optim.Adam([latents], self.latent_lr, betas=(0.5, 0.999))

        best = torch.full((), torch.inf, device=device)
        best_images = log = None
        for _ in range(self.steps):
            images = self.generator(latents, targets)
            seen = random_crop_flip(images, self.crop_padding, self.flip, rng)
            teacher_logits = teacher(seen)
            student_logits = student(seen) if needs_student else None
            weights = phi(teacher_logits) if self.modulate else 1.0
            state = InversionState(seen, targets, teacher_logits, student_logits, task)
            terms = {}
            for name, loss in losses.items():
                term = loss(state)
                terms[name] = (weights * term if loss.modulated else term).mean()
            total = sum(losses[name].weight * term for name, term in terms.items())

            # Chosen on the device: reading the loss here would wait for it at every step.
            better = total.detach() < best
            best = torch.where(better, total.detach(), best)
            # One broken term breaks all of them a step later; the log keeps the first.
            values = torch.stack([term.detach() for term in terms.values()])
            log = values if log is None else torch.where(log.isfinite().all(), values, log)
            images = images.detach()
            best_images = (
                images if best_images is None else torch.where(better, images, best_images)
            )

            optim_wrapper['generator'].update_params(total)
            latent_optimizer.step()
            latent_optimizer.zero_grad()
        for loss in losses.values():
            loss.end_phase()
        return best_images.float(), dict(zip(losses, log))

    @property
    def generator_module(self) -> BaseGenerator:
        """The generator itself, also where a distributed wrapper stands around it."""
        return getattr(self.generator, 'module', self.generator)
