"""Samples from a generator that is coupled to the teacher, stage by stage."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projects.cpnet.generator import CoupledGenerator, measure_maps, stage_norms
from projects.cpnet.inverse import ClassifierInverse, find_classifier
from projects.cpnet.mixing import cutmix, mixed_cross_entropy
from projects.nayer.embeddings import load_embeddings
from projects.nayer.rounds import NoisyLayersSynthesizer
from ssdkd.checks import check_int, check_number
from ssdkd.models.layer_inputs import LayerInputs
from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers import SynthesisContext
from ssdkd.synthesizers.inversion import Phase


@SYNTHESIZERS.register_module()
class CPNetSynthesizer(NoisyLayersSynthesizer):
    """CPNet (Chen et al., ICCV 2025, github.com/LannCX/CPNet).

    The generator undoes the teacher: its maps have the shapes of the teacher's features
    (:class:`CoupledGenerator`) and are drawn to them, so that generator and teacher are an
    autoencoder of labels whose code is the image. What enters is the inverse of the teacher's
    classifier (:class:`ClassifierInverse`), through a batch norm and NAYER's noisy layers,
    which every round redraws. The same inverse gives a term on the features beside the
    adversarial one. The networks see mixed images (CutMix); the samples are not mixed.

    Beside ``losses``, which hold the batch-norm and the adversarial term, the loss has:

    - ``coupling``: squared distance of each map of the generator from the teacher's features
      at its node, whose batch statistics are first set to the running ones; mean per map,
      summed over maps. No gradient flows through the features.
    - ``class_prior``: cross entropy with the mixed labels.
    - ``alignment``: see :meth:`ClassifierInverse.alignment`; not in warm-up.

    Args:
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
        image_size (int): Height and width. Defaults to 32.
        batch_size (int): Samples per step, at least 2. Defaults to 400, the authors'.
        steps (int): Steps per round. Defaults to 30, the authors' for CIFAR-10.
        nodes (list[str], optional): Layers of the teacher whose inputs the maps are drawn to,
            the deepest first. Defaults to None: the last batch norm of each stage.
        embeddings (str, optional): File with vectors [K, E] for the classes, such as those of a
            text encoder, which the authors' code feeds to the generator. Defaults to None: the
            inverse of the classifier.
        latent_dim (int): Width of the noisy layers. Defaults to 1000, the authors'.
        generator_lr (float): Learning rate of Adam. Defaults to 4e-3, the authors'.
        life (int): Rounds after which the generator begins again. Defaults to 20, the authors'
            10 epochs of two batches.
        coupling_weight (float): Defaults to 1, the authors'.
        class_weight (float): Of the class prior. Defaults to 0.5, the authors'.
        alignment_weight (float): Defaults to 1.33, the authors', as that of the adversarial
            term.
        mix (float): Probability that a step's batch is mixed. Defaults to 0.5, the authors'.
        augment (Sequence[dict]): Configs of batch transforms for what the networks see.
        modulate (bool): Weigh the terms of ``losses`` by phi. Defaults to False.

    Raises:
        ConfigError: An argument does not fit, or the teacher has no stages or no classifier.
    """

    def __init__(
        self,
        losses: dict[str, dict | None],
        image_size: int = 32,
        batch_size: int = 400,
        steps: int = 30,
        nodes: list[str] | None = None,
        embeddings: str | None = None,
        latent_dim: int = 1000,
        generator_lr: float = 4e-3,
        life: int = 20,
        coupling_weight: float = 1.0,
        class_weight: float = 0.5,
        alignment_weight: float = 1.33,
        mix: float = 0.5,
        augment: Sequence[dict] = (dict(type='RandomCropFlip', padding=4, flip=True),),
        modulate: bool = False,
    ):
        check_int(self, 2, batch_size=batch_size)  # of which the batch norm makes sense
        check_int(self, 1, image_size=image_size, latent_dim=latent_dim, life=life)
        weights = dict(
            coupling=coupling_weight, class_prior=class_weight, alignment=alignment_weight
        )
        check_number(self, '[0, inf)', generator_lr=generator_lr)
        check_number(self, '[0, inf)', **{f'{name}_weight': w for name, w in weights.items()})
        check_number(self, '[0, 1]', mix=mix)
        size = (image_size, image_size)
        super().__init__(losses, size, batch_size, steps, augment, modulate)
        self.nodes = nodes
        self.embeddings_file = embeddings
        self.latent_dim = latent_dim
        self.generator_lr = generator_lr
        self.life = life
        self.weights = weights
        self.mix = mix
        self._inputs: LayerInputs | None = None

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        maps = measure_maps(teacher, self.nodes or stage_norms(teacher), self.image_size)
        super().attach(teacher, num_classes)
        classifier = find_classifier(teacher, num_classes)
        self.inverse = ClassifierInverse(teacher.get_submodule(classifier))
        self.classifier, self.node_names = classifier, [part.layer for part in maps]
        self._inputs = LayerInputs(
            'CPNetSynthesizer', teacher, [*self.node_names, self.classifier]
        )
        embeddings = self.inverse.features
        if self.embeddings_file is not None:
            embeddings = load_embeddings(self.embeddings_file, num_classes)
        self.register_buffer('embeddings', embeddings)
        # Frozen outside of a round, so that no other optimizer takes them.
        self.norm = nn.BatchNorm1d(embeddings.shape[1]).requires_grad_(False)
        self.generator = CoupledGenerator(self.latent_dim, maps, self.image_size)
        self.generator.requires_grad_(False)

    def detach(self) -> None:
        super().detach()
        if self._inputs is not None:
            self._inputs.close()

    def step(
        self, phase: Phase, latents: Tensor, targets: Tensor, context: SynthesisContext
    ) -> Tensor:
        images, maps = self.generator(latents)
        seen, *mixing = cutmix(self.augment(images, context.rng), self.mix, context.rng)
        total, terms = phase.evaluate(seen, targets)
        terms |= self.own_terms(maps, targets, *mixing, warmup=context.warmup)
        total = total + sum(
            weight * terms[name] for name, weight in self.weights.items() if name in terms
        )
        phase.keep(total, terms, image=images)
        return total

    def own_terms(
        self,
        maps: list[Tensor],
        targets: Tensor,
        partners: Tensor,
        share: Tensor,
        warmup: bool,
    ) -> dict[str, Tensor]:
        """The terms of a step that ``losses`` do not hold, unweighted and 0-dim.

        Args:
            maps: Of the generator, the deepest first.
            targets: [N] int64, the classes that were asked for.
            partners: See :func:`cutmix`.
            share: See :func:`cutmix`.
            warmup: Whether to leave out the alignment.
        """
        inputs = dict(self._inputs.take())
        layers = self._inputs.layers
        coupling = sum(
            F.mse_loss(mine, with_running_statistics(inputs[name], layers[name]))
            for mine, name in zip(maps, self.node_names)
        )
        features = inputs[self.classifier].float()
        logits = self.inverse.logits(features)
        terms = dict(
            coupling=coupling,
            class_prior=mixed_cross_entropy(logits, targets, partners, share).mean(),
        )
        if not warmup:
            terms['alignment'] = self.inverse.alignment(features, targets).mean()
        return terms


@torch.no_grad()
def with_running_statistics(features: Tensor, norm: nn.Module) -> Tensor:
    """Features [N, C, H, W] whose mean and variance per channel are a batch norm's own ones."""
    features = features.float()
    variance, mean = torch.var_mean(features, dim=(0, 2, 3), keepdim=True)
    shape = (1, -1, 1, 1)
    scale = (norm.running_var.view(shape) / (variance + norm.eps)).sqrt()
    return (features - mean) * scale + norm.running_mean.view(shape)
