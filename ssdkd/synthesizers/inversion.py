"""Base of the synthesizers that optimise samples by inversion losses."""

from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ssdkd.buffers import SampleBatch
from ssdkd.checks import check_bool, check_dict, check_int
from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator
from ssdkd.losses import (
    BaseInversionLoss,
    BNStatisticsLoss,
    InformationEntropyLoss,
    InversionState,
    PseudoLabelLoss,
    has_other_norms,
)
from ssdkd.registry import LOSSES
from ssdkd.synthesizers.base import BaseSynthesizer, SynthesisContext
from ssdkd.transforms import Augmentation, accepts_old_keys


@accepts_old_keys
class InversionSynthesizer(BaseSynthesizer):
    """A synthesizer that minimises inversion losses and keeps the best batch of a round.

    Each per-sample loss term is weighted by phi if the term says so; batch terms are not
    (docs/method.md, "Choices"). Subclasses say what is optimised: they begin a round with
    :meth:`begin` and give each step's images to the :class:`Phase` they get.

    Args:
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
            The names appear in the log.
        image_size (tuple[int, int]): (H, W).
        batch_size (int): Samples per step. The best step's are those of the round.
        steps (int): Optimisation steps per round.
        augment (Sequence[dict]): Configs of batch transforms, applied to the images that the
            networks see, in their order. Defaults to none.
        modulate (bool): Weigh the terms by phi. Defaults to True.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(
        self,
        losses: dict[str, dict | None],
        image_size: tuple[int, int],
        batch_size: int,
        steps: int,
        augment: Sequence[dict] = (),
        modulate: bool = True,
    ):
        check_dict(self, losses=losses)
        check_int(self, 1, batch_size=batch_size, steps=steps)
        check_bool(self, modulate=modulate)
        super().__init__()
        # By name, as the terms are added up in this order: mmengine sorts the keys of a config
        # that it writes, and such a config is to give the same sum to the bit.
        named = sorted(losses.items())
        terms = {name: LOSSES.build(cfg) for name, cfg in named if cfg is not None}
        for name, term in terms.items():
            if not isinstance(term, BaseInversionLoss):
                raise ConfigError(
                    f'losses.{name}: {type(term).__name__} is no inversion loss; distillation '
                    'losses belong in model.distillation'
                )
        self.losses: dict[str, BaseInversionLoss] = nn.ModuleDict(terms)
        self.image_size = image_size
        self.batch_size = batch_size
        self.steps = steps
        self.augmentation = Augmentation('model.synthesizer', augment)
        self.modulate = modulate

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        self.num_classes = num_classes
        for loss in self.losses.values():
            loss.attach(teacher)
        kinds = {type(loss) for loss in self.losses.values()}
        priors = {PseudoLabelLoss, InformationEntropyLoss}
        if BNStatisticsLoss in kinds and not kinds & priors and has_other_norms(teacher):
            print_log(
                'model.synthesizer.losses: the teacher also has normalisation layers without '
                'statistics, which BNStatisticsLoss does not read; '
                "confidence=dict(type='PseudoLabelLoss', weight=0.1) and "
                "balance=dict(type='InformationEntropyLoss') are terms for these",
                'current',
            )

    def detach(self) -> None:
        for loss in self.losses.values():
            loss.detach()

    def begin(self, context: SynthesisContext) -> 'Phase':
        """Choose the terms of this round: those that read the student wait until it is trained.

        An untrained student disagrees with the teacher a hundred times as much as later. One
        such gradient is in Adam's second moments for a thousand steps, and makes them small.
        Where no other term is there, they do not wait, except in warm-up.

        Raises:
            ConfigError: None is left.
        """
        losses = {k: v for k, v in self.losses.items() if not v.needs_student}
        if not context.untrained or (not losses and not context.warmup):
            losses = dict(self.losses.items())
        if not losses:
            raise ConfigError(
                'train_cfg.warmup_rounds: no term of model.synthesizer.losses works without a '
                'trained student; set it to 0 or add a term'
            )
        return Phase(losses, context, self.modulate)

    def draw_targets(self, n: int, rng: torch.Generator) -> Tensor:
        """Target classes [n], uniform."""
        return torch.randint(self.num_classes, (n,), generator=rng, device=rng.device)

    def draw(
        self, n: int, generator: BaseGenerator, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Inputs of a generator: classes [n] and latents [n, Z]."""
        targets = self.draw_targets(n, rng)
        return targets, torch.randn(n, generator.latent_dim, generator=rng, device=rng.device)

    @torch.no_grad()
    def fresh_samples(self, generator: BaseGenerator, rng: torch.Generator) -> SampleBatch:
        """A batch of ``samples`` samples of a generator as it is, made chunk by chunk."""
        chunks = []
        for start in range(0, self.samples, self.batch_size):
            n = min(self.batch_size, self.samples - start)
            targets, latents = self.draw(n, generator, rng)
            images = generator(latents, targets).float()
            chunks.append(dict(image=images, target=targets, latent=latents))
        return {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """The images as the networks see them in this step."""
        return self.augmentation(images, rng)


class Phase:
    """The steps of one round: their loss, the best batch so far, and what is logged.

    Args:
        losses (dict): The terms of this round, by name.
        context (SynthesisContext): What the round was given. The student is not run where no
            term needs it.
        modulate (bool): Whether the modulating function weighs the terms.
    """

    def __init__(
        self, losses: dict[str, BaseInversionLoss], context: SynthesisContext, modulate: bool
    ):
        self.losses = losses
        self.context = context
        self.modulate = modulate
        self.needs_student = any(loss.needs_student for loss in losses.values())
        self._least: Tensor | None = None
        self._best: dict[str, Tensor] = {}
        self._names: list[str] = []
        self._log: Tensor | None = None

    def evaluate(self, seen: Tensor, targets: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of one step.

        Args:
            seen: Images [N, 3, H, W] in [0, 1] for the networks, differentiable.
            targets: [N] int64, the classes that were asked for.

        Returns:
            tuple: the weighted sum of all terms, and the terms themselves, unweighted; 0-dim.
        """
        context = self.context
        teacher_logits = context.replayed(context.teacher)(seen)
        student_logits = context.replayed(context.student)(seen) if self.needs_student else None
        weights = context.modulation(teacher_logits) if self.modulate else 1.0
        state = InversionState(seen, targets, teacher_logits, student_logits, context.task)
        terms = {}
        for name, loss in self.losses.items():
            term = loss(state)
            terms[name] = (weights * term if loss.modulated else term).mean()
        total = sum(self.losses[name].weight * term for name, term in terms.items())
        return total, terms

    def keep(self, total: Tensor, terms: dict[str, Tensor], **batch: Tensor) -> None:
        """Keep ``batch`` (columns of the samples) if its loss is the lowest so far.

        It is copied: a later step may change latents or pixels in place.
        """
        # Chosen on the device: reading the loss here would wait for it at every step.
        total = total.detach()
        least = torch.full_like(total, torch.inf) if self._least is None else self._least
        better = total < least
        self._least = torch.where(better, total, least)
        for name, value in batch.items():
            value = value.detach()
            best = self._best.get(name)
            self._best[name] = (
                value.clone() if best is None else torch.where(better, value, best)
            )
        # One broken term breaks all of them a step later; the log keeps the first.
        self._names = list(terms)
        values = torch.stack([term.detach() for term in terms.values()])
        log = values if self._log is None else self._log
        self._log = torch.where(log.isfinite().all(), values, log)

    def finish(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """End the round.

        Returns:
            tuple: the best batch by the names given to :meth:`keep`, and the log of terms.
        """
        for loss in self.losses.values():
            loss.end_phase()
        return self._best, dict(zip(self._names, self._log))
