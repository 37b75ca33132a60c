"""Samples from a new generator per batch, with a contrastive loss against earlier samples."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather, get_world_size
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ssdkd.buffers import SampleBatch
from ssdkd.checks import check_int, check_number, is_pair
from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator, build_generator
from ssdkd.losses import has_statistics
from ssdkd.models.layer_inputs import LayerInputs
from ssdkd.registry import SYNTHESIZERS, nearest
from ssdkd.synthesizers.base import SynthesisContext
from ssdkd.synthesizers.inversion import InversionSynthesizer
from ssdkd.transforms import accepts_old_keys
from ssdkd.transforms.functional import random_resized_crop_flip
from ssdkd.words import byte_size


@SYNTHESIZERS.register_module()
@accepts_old_keys
class ContrastiveSynthesizer(InversionSynthesizer):
    """Trains a new generator for each batch, with a contrastive term (CMI, Fang et al. 2021).

    The term asks that two views of a sample, a global one (shifted, flipped) and a local one (a
    resized crop), agree in the teacher's features, and that samples differ from each other and
    from those in a memory bank of all earlier batches
    (`arXiv 2105.08584 <https://arxiv.org/abs/2105.08584>`_). Features are the spatial means of
    the inputs of the teacher's batch norms, projected by a head of two layers; see
    :func:`info_nce`. Inversion losses see the global view.

    Three things are trained: the generator and the latents of a batch, from scratch, by an Adam
    with betas (0.5, 0.999); and the head, throughout, by ``optim_wrapper['generator']`` (the
    authors': Adam with lr 1e-3). Head and bank are in the checkpoint; generators are not kept.
    The defaults follow the authors' ``contrastive.py`` (github.com/zju-vipa/CMI).

    Deviation: the bank is on the device of the networks, where drawing from it costs nothing,
    and not on the host. It takes ``bank_size * 2 * features * 4`` bytes, which the log states:
    40,960 rows are 0.16 GiB for a ResNet-34's stages and 0.83 GiB for all batch norms of a
    WRN-40-2, in memory and in every checkpoint.

    Args:
        generator (dict): Config of a generator, made new for each batch: convolutions and
            linear layers from N(0, 0.02), scales of batch norms from N(1, 0.02), biases 0.
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
        batch_size (int): Samples per step. The best step's are those of the round.
        steps (int): Optimisation steps per round. Defaults to 200.
        generator_lr (float): Learning rate of the generator. Defaults to 1e-3.
        latent_lr (float): The same for the latents; 0 leaves them as drawn. Defaults to 1e-3.
        contrast_weight (float): Factor of the contrastive term. Defaults to 0.8.
        temperature (float): Of the contrastive term. Defaults to 0.1.
        bank_size (int): Samples whose features are remembered, the latest ones. Defaults to
            40960.
        negatives (int): How many of these each step draws. Defaults to 4096.
        head_dim (int): Width of the projected features. Defaults to 256.
        feature_layers (list[str], optional): Names of modules of the teacher's network whose
            inputs are the features, such as ``['layer1', 'layer2', 'layer3', 'layer4']``, the
            authors' choice for ResNet-34. Defaults to None: all batch norms.
        local_scale (tuple[float, float]): Least and largest share of the area in the local
            view. Defaults to (0.25, 1).
        augment (Sequence[dict]): Configs of batch transforms, which make the global view.
            Defaults to a random shift of 4 pixels and flip.
        modulate (bool): Weigh the inversion losses by phi. Defaults to True; the authors have
            none.

    Raises:
        ConfigError: A number is out of its range, or the teacher lacks the layers.
    """

    def __init__(
        self,
        generator: dict,
        losses: dict[str, dict | None],
        batch_size: int,
        steps: int = 200,
        generator_lr: float = 1e-3,
        latent_lr: float = 1e-3,
        contrast_weight: float = 0.8,
        temperature: float = 0.1,
        bank_size: int = 40_960,
        negatives: int = 4096,
        head_dim: int = 256,
        feature_layers: list[str] | None = None,
        local_scale: tuple[float, float] = (0.25, 1.0),
        augment: Sequence[dict] = (dict(type='RandomCropFlip', padding=4, flip=True),),
        modulate: bool = True,
    ):
        check_int(self, 1, batch_size=batch_size, bank_size=bank_size)
        check_int(self, 1, negatives=negatives, head_dim=head_dim)
        check_number(self, '[0, inf)', generator_lr=generator_lr, latent_lr=latent_lr)
        check_number(self, '[0, inf)', contrast_weight=contrast_weight)
        check_number(self, '(0, inf)', temperature=temperature)
        if not is_pair(local_scale, '(0, 1]') or local_scale[0] > local_scale[1]:
            raise ConfigError(
                f'local_scale={local_scale} must be two shares of the area, '
                '0 < least <= largest <= 1'
            )
        if bank_size < batch_size * get_world_size():
            raise ConfigError(
                f'bank_size={bank_size} must be at least batch_size={batch_size}, times the '
                'number of processes'
            )
        built: BaseGenerator = build_generator(generator)
        super().__init__(losses, built.image_size, batch_size, steps, augment, modulate)
        self.channels = built.channels
        # The pattern of the generators to come. The optimizer of the head leaves it alone.
        self.generator = built.requires_grad_(False)
        self.generator_lr = generator_lr
        self.latent_lr = latent_lr
        self.contrast_weight = contrast_weight
        self.temperature = temperature
        self.bank_size = bank_size
        self.negatives = negatives
        self.head_dim = head_dim
        self.feature_layers = feature_layers
        self.local_scale = local_scale

    _features: LayerInputs | None = None

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        super().attach(teacher, num_classes)
        self._features = LayerInputs(
            type(self).__name__, teacher, self._names_in(teacher), keep=spatial_means
        )
        with torch.enable_grad():  # only such passes are recorded; nothing asks for gradients
            teacher(torch.zeros(1, self.channels, *self.image_size, device=teacher.mean.device))
        width = self._take_features().shape[1]
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.head_dim)
        )
        # Rows are the features of a local view, then those of the global view.
        self.register_buffer('bank', torch.zeros(self.bank_size, 2 * width))
        self.register_buffer('banked', torch.zeros((), dtype=torch.int64))
        figure = f'{self.bank_size} x {2 * width} features, {byte_size(self.bank.nbytes)}'
        print_log(f'Memory bank: {figure}', 'current')

    def detach(self) -> None:
        super().detach()
        if self._features is not None:
            self._features.close()

    def _names_in(self, teacher: nn.Module) -> list[str]:
        modules = dict(teacher.model.named_modules(prefix='model'))
        if self.feature_layers is None:
            names = [
                name
                for name, m in modules.items()
                if isinstance(m, _BatchNorm) or has_statistics(m)
            ]
            if not names:
                raise ConfigError(
                    'feature_layers=None needs a teacher with batch norms; name some of its '
                    'modules instead'
                )
            return names
        for name in self.feature_layers:
            if f'model.{name}' not in modules:
                raise ConfigError(
                    f"feature_layers: the teacher has no module '{name}'"
                    + nearest(name, [n.removeprefix('model.') for n in modules if n != 'model'])
                )
        return [f'model.{name}' for name in self.feature_layers]

    def _take_features(self) -> Tensor:
        """The features [N, F] of the teacher's latest pass."""
        return torch.cat([features for _, features in self._features.take()], dim=1)

    def synthesize(self, context: SynthesisContext) -> tuple[SampleBatch, dict[str, Tensor]]:
        phase = self.begin(context)
        rng = context.rng
        n = self.batch_size
        targets = self.draw_targets(n, rng)
        generator = fresh_copy(self.generator, rng)
        latents = torch.randn(n, generator.latent_dim, generator=rng, device=rng.device)
        latents.requires_grad_(self.latent_lr > 0)
        optimizer = torch.optim.Adam(
            [dict(params=generator.parameters()), dict(params=[latents], lr=self.latent_lr)],
            lr=self.generator_lr,
            betas=(0.5, 0.999),
        )
        filled = min(int(self.banked), self.bank_size)
        for _ in range(self.steps):
            images = generator(latents, targets)
            # The local view goes first: losses that watch the teacher see its latest pass.
            context.teacher(random_resized_crop_flip(images, self.local_scale, rng))
            local = self._take_features()
            total, terms = phase.evaluate(self.augment(images, rng), targets)
            whole = self._take_features()
            terms['contrastive'] = self.contrast(local, whole, filled, rng)
            total = total + self.contrast_weight * terms['contrastive']
            features = torch.cat([local, whole], dim=1)
            phase.keep(total, terms, image=images, latent=latents, features=features)
            optimizer.zero_grad()
            context.optim_wrapper['generator'].update_params(total)  # the head's step
            optimizer.step()
        best, log = phase.finish()
        self._remember(best['features'])
        return dict(image=best['image'].float(), target=targets, latent=best['latent']), log

    def contrast(
        self, local: Tensor, whole: Tensor, filled: int, rng: torch.Generator
    ) -> Tensor:
        """The contrastive term of features [N, F] of both views, with the bank's filled rows.

        The batch and what is drawn from the bank are averaged apart, so that the size of the
        bank does not dilute the batch's gradient (as the authors do).
        """
        n = len(local)
        rows = torch.randperm(filled, generator=rng, device=local.device)[: self.negatives]
        old_local, old_whole = self.bank[rows].chunk(2, dim=1)
        projected = F.normalize(self.head(torch.cat([local, old_local, whole, old_whole])))
        losses = info_nce(*projected.chunk(2), self.temperature)
        return losses[:n].mean() + (losses[n:].mean() if filled else 0)

    def _remember(self, features: Tensor) -> None:
        features = torch.cat(all_gather(features))  # all processes keep the same bank
        places = torch.arange(len(features), device=features.device) + self.banked
        self.bank[places % self.bank_size] = features
        self.banked += len(features)


def spatial_means(x: Tensor) -> Tensor:
    """Maps [N, C, ...], or vectors [N, C], to features [N, C] in float32."""
    return (x.flatten(2).mean(2) if x.ndim > 2 else x).float()


def info_nce(local: Tensor, whole: Tensor, temperature: float) -> Tensor:
    r"""InfoNCE loss: cross entropy of each local view against its own global view.

    .. math:: -\log \frac{\exp(l_i \cdot g_i / \tau)}{\sum_j \exp(l_i \cdot g_j / \tau)}

    CMI (Fang et al. 2021, arXiv 2105.08584). The global views get no gradient.

    Args:
        local: Projected features [N, D] of unit length.
        whole: The same of the global views.
        temperature: tau.

    Returns:
        Tensor: [N].
    """
    logits = local @ whole.detach().T / temperature
    own = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits.float(), own, reduction='none')


@torch.no_grad()
def fresh_copy(generator: BaseGenerator, rng: torch.Generator) -> BaseGenerator:
    """A trainable copy with new weights (CMI's ``reset_model``)."""
    generator = copy.deepcopy(generator)
    for layer in generator.modules():
        if isinstance(layer, nn.Embedding):
            layer.weight.normal_(0, 1, generator=rng)
        elif isinstance(layer, (nn.Linear, _ConvNd)):
            layer.weight.normal_(0, 0.02, generator=rng)
        elif isinstance(layer, _BatchNorm):
            layer.weight.normal_(1, 0.02, generator=rng)
        if getattr(layer, 'bias', None) is not None:
            layer.bias.zero_()
    return generator.requires_grad_()
