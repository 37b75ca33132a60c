"""Samples from a meta-generator that a few steps adapt to each batch."""

import copy
from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, broadcast
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ssdkd.buffers import SampleBatch
from ssdkd.checks import check_int, check_number
from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator, build_generator
from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers.base import SynthesisContext
from ssdkd.synthesizers.inversion import InversionSynthesizer
from ssdkd.transforms import accepts_old_keys


@SYNTHESIZERS.register_module()
@accepts_old_keys
class MetaSynthesizer(InversionSynthesizer):
    r"""Adapts a copy of a meta-generator and latents to each batch (Fast, Fang et al. 2022).

    Every round draws latents z and classes, copies the meta-generator :math:`\theta` and trains
    copy and latents for k ``steps`` with an Adam of their own. Then one outer step of
    ``optim_wrapper['generator']`` moves the meta-generator along

    .. math:: \text{fomaml: } \sum_{i=0}^{k-1} \nabla_{\theta_i} L(\theta_i, z_i), \qquad
              \text{reptile: } \theta - \theta_k

    with :math:`\theta_0 = \theta` (`arXiv 2112.12568 <https://arxiv.org/abs/2112.12568>`_).
    The defaults, the sum over all steps and the layers that are reset follow the authors'
    ``fast_meta.py`` (github.com/zju-vipa/Fast-Datafree). Their outer step is Adam with betas
    (0.5, 0.999) and k times ``generator_lr``. They multiply Reptile's difference by 67, which
    an Adam does not notice; it is left out here.

    Args:
        generator (dict): Config of a generator.
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
        batch_size (int): Samples per step. The best step's are those of the round.
        steps (int): k. The authors' methods Fast-2, Fast-5 and Fast-10 are named after it.
        generator_lr (float): Learning rate of the copy (Adam, betas 0.5 and 0.999). Defaults
            to 3e-3, the authors' for k = 5 (5e-3 for 2, 2e-3 for 10).
        latent_lr (float): The same for the latents; 0 leaves them as drawn. Defaults to 1e-2
            (the authors' 1.5e-2 for k = 2).
        outer (str): ``'fomaml'`` (first-order MAML) or ``'reptile'``. Defaults to
            ``'fomaml'``, as in all of the authors' scripts.
        reset_share (float, optional): Share of the student's training, in (0, 1]. Before the
            round that reaches it, the meta-generator's first layer and the batch norm after it
            are redrawn from N(0, 0.02), bias 0: the latents change their meaning while the
            other layers keep what they have learnt. The authors reset before round 120 of 200
            (0.6). Defaults to None: never.
        augment (Sequence[dict]): Configs of batch transforms, applied to the images that the
            networks see, in their order. Defaults to none.
        modulate (bool): Weigh the terms by phi. Defaults to True; the authors have none.
        samples (int, optional): Samples of the round. With a number, they are new samples of
            the adapted copy, a forward pass for each ``batch_size`` of them. Defaults to None:
            the best step's, ``batch_size`` samples, as the authors store them.

    Raises:
        ConfigError: ``outer`` is unknown, or a number is out of its range.
    """

    def __init__(
        self,
        generator: dict,
        losses: dict[str, dict | None],
        batch_size: int,
        steps: int,
        generator_lr: float = 3e-3,
        latent_lr: float = 1e-2,
        outer: str = 'fomaml',
        reset_share: float | None = None,
        augment: Sequence[dict] = (),
        modulate: bool = True,
        samples: int | None = None,
    ):
        if outer not in ('fomaml', 'reptile'):
            raise ConfigError(f"outer='{outer}' must be 'fomaml' or 'reptile'")
        check_number(self, '(0, 1]', optional=True, reset_share=reset_share)
        check_int(self, 1, optional=True, samples=samples)
        check_number(self, '[0, inf)', generator_lr=generator_lr, latent_lr=latent_lr)
        built: BaseGenerator = build_generator(generator)
        super().__init__(losses, built.image_size, batch_size, steps, augment, modulate)
        self.channels = built.channels
        self.generator = built
        self.generator_lr = generator_lr
        self.latent_lr = latent_lr
        self.outer = outer
        self.reset_share = reset_share
        self.samples = samples or batch_size
        self.keeps_best = samples is None

    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        phase = self.begin(context)
        rng = context.rng
        # Outside a distributed wrapper, whose averages are of one generator's gradients.
        meta: BaseGenerator = getattr(self.generator, 'module', self.generator)
        before, after = context.share
        if self.reset_share is not None and before < self.reset_share <= after:
            reset_first_layer(meta, rng)

        targets, latents = self.draw(self.batch_size, meta, rng)
        latents.requires_grad_(self.latent_lr > 0)
        adapted = copy.deepcopy(meta)
        parameters = list(adapted.parameters())
        optimizer = torch.optim.Adam(
            [dict(params=parameters), dict(params=[latents], lr=self.latent_lr)],
            lr=self.generator_lr,
            betas=(0.5, 0.999),
        )
        summed = [torch.zeros_like(p) for p in parameters]
        for _ in range(self.steps):
            images = adapted(latents, targets)
            total, terms = phase.evaluate(self.augment(images, rng), targets)
            phase.keep(total, terms, image=images, latent=latents)
            optimizer.zero_grad()
            total.backward()
            torch._foreach_add_(summed, [p.grad for p in parameters])
            optimizer.step()

        if self.outer == 'reptile':
            summed = [p.detach() - q.detach() for p, q in zip(meta.parameters(), parameters)]
        self._outer_step(meta, summed, context.optim_wrapper['generator'])
        best, log = phase.finish()
        if not self.keeps_best:
            return self.fresh_samples(adapted, rng), log
        return dict(image=best['image'].float(), target=targets, latent=best['latent']), log

    @staticmethod
    def _outer_step(meta: BaseGenerator, gradients: list[Tensor], optim_wrapper) -> None:
        for gradient in gradients:
            all_reduce(gradient, 'mean')  # each process has adapted a copy of its own
        # A loss that has these gradients, so that every kind of wrapper can take the step.
        optim_wrapper.update_params(
            sum((p * gradient).sum() for p, gradient in zip(meta.parameters(), gradients))
        )


@torch.no_grad()
def reset_first_layer(generator: BaseGenerator, rng: torch.Generator) -> None:
    """Draw the first layer, and the batch norm after it, from N(0, 0.02) with bias 0.

    An embedding of the labels is no layer in this sense. All processes get the same numbers.
    """
    kinds = (nn.Linear, _ConvNd, _BatchNorm)
    first, second, *_ = [m for m in generator.modules() if isinstance(m, kinds)] + [None]
    for layer in [first, second] if isinstance(second, _BatchNorm) else [first]:
        layer.weight.normal_(0, 0.02, generator=rng)
        broadcast(layer.weight.data)
        if layer.bias is not None:
            layer.bias.zero_()
