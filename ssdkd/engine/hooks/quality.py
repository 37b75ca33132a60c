"""Estimate of the student's quality that needs no data."""

import torch
from mmengine.hooks import Hook
from torch import Tensor

from ssdkd.checks import check_int
from ssdkd.engine.hooks.buffer_statistics import EARLY
from ssdkd.engine.hooks.checkpoint import DistillCheckpointHook
from ssdkd.evaluation import AgreementMeter
from ssdkd.generators import random_shapes
from ssdkd.registry import HOOKS
from ssdkd.runs import random_state, set_random_state

SEED = 20_240_607  # of the pictures; that of no run
PIXELS = 2**22  # of all pictures together, unless that were fewer than LEAST
MOST, LEAST = 500, 32
FIFTHS = 5  # looks at a run by the clock, at least
CHANCE = 0.05  # kappa below which the student has learnt nothing
ONE_CLASS = 95  # percent of agreement without kappa: one class, whatever the picture


@HOOKS.register_module()
class QualityHook(Hook):
    """Estimates without any data how well the student does its teacher's job.

    The student is compared with the teacher on pictures of random shapes
    (:func:`ssdkd.generators.random_shapes`), the same ones in every round of every run, which
    no run trains on. The estimate is Cohen's kappa: agreement beyond chance, 1 if both always
    predict the same class, 0 for a student that knows nothing, also if it always predicts the
    most frequent class. It is lower than the agreement on real images, which are easier;
    docs/trials.md shows how the two are related.

    The log and the visualizer's backends get it as ``estimate/kappa``, beside the agreement
    itself in percent, ``estimate/agreement``; ``summary.json`` gets both of the last round.
    Without a val set the best checkpoint is the one with the highest kappa. A student at chance
    is warned of, once.

    Args:
        interval (int): Rounds between two estimates. By the clock there is one at each fifth of
            the student's time, too, a minute apart or more. Defaults to 10.
        images (int, optional): Number of pictures. Defaults to None: 500, and fewer if they
            are larger than 91 x 91 pixels, at least 32.
    """

    def __init__(self, interval: int = 10, images: int | None = None):
        check_int(self, 1, interval=interval)
        check_int(self, 2, optional=True, images=images)
        self.interval = interval
        self.images = images
        self._pictures: Tensor | None = None
        self._warned = False

    def before_train_epoch(self, runner) -> None:
        # Not after the round: then its number has not been counted yet.
        loop = runner.train_loop
        # By the clock rounds may be few, or many and short.
        due = runner.epoch % self.interval == 0 or loop.passes(FIFTHS)
        if runner.epoch - loop.warmup_rounds >= EARLY and due:
            self._estimate(runner)

    def after_train(self, runner) -> None:
        self._estimate(runner)

    def _estimate(self, runner) -> None:
        distiller = getattr(runner.model, 'module', runner.model)
        kept = random_state()
        try:
            results = self.compare(distiller)
        finally:
            set_random_state(kept)  # a network may draw random numbers, too
        values = {name: results[name] for name in ('kappa', 'agreement', 'ece')}
        runner.message_hub.update_info('estimate', values)
        runner.visualizer.add_scalars(
            {f'estimate/{name}': value for name, value in values.items()}, step=runner.epoch
        )
        runner.logger.info(
            f'Round [{runner.train_loop.position(runner.epoch)}] estimate  '
            f'kappa: {values["kappa"]:.3f}  agreement: {values["agreement"]:.1f} % '
            f'(on {results["images"]} pictures of shapes, without data)'
        )
        if values['kappa'] < CHANCE and not self._warned:
            self._warned = True
            why = (
                'It may need more steps. Otherwise look at samples/ in the work directory and '
                'at the learning rate; a wrong mean or std of the teacher is a common cause'
            )
            if values['agreement'] > ONE_CLASS:
                why = (
                    'Both predict one class for nearly all pictures, so that the estimate says '
                    "nothing: look at the teacher's mean, std and weights"
                )
            runner.logger.warning(
                'The student predicts the same class as its teacher hardly more often than '
                f'chance (kappa {values["kappa"]:.3f}). {why}'
            )
        if runner.val_loop is None:
            for hook in runner.hooks:
                if isinstance(hook, DistillCheckpointHook):
                    hook.after_estimate(runner, values['kappa'])

    @torch.no_grad()
    def compare(self, distiller) -> dict:
        """Agreement of student and teacher, as of :class:`ssdkd.evaluation.AgreementMeter`."""
        height, width = distiller.synthesizer.image_size
        if self._pictures is None:
            number = self.images or max(LEAST, min(MOST, PIXELS // (height * width)))
            channels = distiller.synthesizer.channels
            self._pictures = random_shapes(number, (height, width), SEED, channels=channels)
        teacher = next(
            role for role in distiller.networks if distiller.roles[role].optimizer is None
        )
        distiller.eval()
        meter = AgreementMeter()
        for pictures in self._pictures.split(distiller.batch_size):
            pictures = pictures.to(distiller.rng.device).float() / 255
            meter.update(
                *(
                    distiller.task.outcomes(distiller.answer(role, pictures))
                    for role in (distiller.evaluated, teacher)
                )
            )
        return meter.results()
