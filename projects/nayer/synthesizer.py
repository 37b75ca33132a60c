"""Samples from the embeddings of class names through layers of noise."""

from collections.abc import Sequence

from torch import Tensor, nn

from projects.nayer.embeddings import load_embeddings, name_embeddings, number_embeddings
from projects.nayer.rounds import NoisyLayersSynthesizer
from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator
from ssdkd.registry import GENERATORS, SYNTHESIZERS
from ssdkd.synthesizers import SynthesisContext
from ssdkd.synthesizers.inversion import Phase
from ssdkd.transforms import accepts_old_keys


@SYNTHESIZERS.register_module()
@accepts_old_keys
class NAYERSynthesizer(NoisyLayersSynthesizer):
    """NAYER (Tran et al., CVPR 2024, `arXiv 2310.00258 <https://arxiv.org/abs/2310.00258>`_).

    The generator's input is the embedding of a class name, through a batch norm and noisy
    linear layers that every round redraws (:class:`NoisyLayers`) and trains together with
    the generator, with a new Adam (betas 0.5 and 0.999). The generator itself lives for
    ``life`` rounds. Numbers and order of events follow the authors' ``nayer.py`` and scripts
    (github.com/tmtuan1307/NAYER).

    Generator and batch norm are in the checkpoint; ``optim_wrapper`` does not train them. In a
    distributed run all processes keep the same ones, and each has noisy layers of its own.

    Args:
        generator (dict): Config of a generator without ``num_classes``. Its ``latent_dim`` is
            the width of the noisy layers (the authors': 1000).
        losses (dict): Name to config of an inversion loss; a name set to None is dropped.
        batch_size (int): Samples per step, at least 2 (the authors': 400, two such batches an
            epoch).
        steps (int): Steps per round. Defaults to 30, the authors' for CIFAR-10 (40 for
            CIFAR-100, 60 for Tiny-ImageNet).
        embeddings (str, optional): File with the embeddings [K, E] of a text encoder, see
            :func:`projects.nayer.embeddings.load_embeddings`. Defaults to None: made of
            ``class_names`` or of the classes' numbers, without a text encoder.
        class_names (list[str], optional): For embeddings without a file.
        embedding_dim (int): E without a file. Defaults to 512, that of CLIP's ViT-B/32.
        generator_lr (float): Defaults to 4e-3, the authors'.
        life (int): Rounds after which generator and batch norm begin again. Defaults to 20, the
            authors' 10 epochs of two batches.
        augment (Sequence[dict]): Configs of batch transforms, applied to the images that the
            networks see. Defaults to a random shift of 4 pixels and flip, the authors'.
        modulate (bool): Weigh the terms by phi. Defaults to False: the authors have none.

    Raises:
        ConfigError: An argument, the file or the names do not fit; the message says how.
    """

    def __init__(
        self,
        generator: dict,
        losses: dict[str, dict | None],
        batch_size: int,
        steps: int = 30,
        embeddings: str | None = None,
        class_names: list[str] | None = None,
        embedding_dim: int = 512,
        generator_lr: float = 4e-3,
        life: int = 20,
        augment: Sequence[dict] = (dict(type='RandomCropFlip', padding=4, flip=True),),
        modulate: bool = False,
    ):
        built: BaseGenerator = GENERATORS.build(generator)
        if built.num_classes is not None:
            raise ConfigError(
                f'generator.num_classes={built.num_classes} must be left out: the class comes '
                'with the embedding'
            )
        if embeddings is not None and class_names is not None:
            raise ConfigError('embeddings and class_names exclude each other; leave one out')
        for key, value, least in (
            ('batch_size', batch_size, 2),  # of which the batch norm makes sense
            ('embedding_dim', embedding_dim, 2),
            ('life', life, 1),
        ):
            if value < least:
                raise ConfigError(f'{key}={value} must be at least {least}')
        super().__init__(losses, built.image_size, batch_size, steps, augment, modulate)
        # Frozen outside of a round, so that no other optimizer takes it.
        self.generator = built.requires_grad_(False)
        self.embeddings_file = embeddings
        self.class_names = class_names
        self.embedding_dim = embedding_dim
        self.generator_lr = generator_lr
        self.life = life

    def attach(self, teacher: nn.Module, num_classes: int) -> None:
        super().attach(teacher, num_classes)
        embeddings = self._make_embeddings(num_classes)
        self.register_buffer('embeddings', embeddings)
        self.norm = nn.BatchNorm1d(embeddings.shape[1]).requires_grad_(False)

    def _make_embeddings(self, num_classes: int) -> Tensor:
        if self.embeddings_file is not None:
            return load_embeddings(self.embeddings_file, num_classes)
        if self.class_names is None:
            return number_embeddings(num_classes, self.embedding_dim)
        if len(self.class_names) != num_classes:
            raise ConfigError(
                f'model.synthesizer.class_names has {len(self.class_names)} names for '
                f'{num_classes} classes; give one for each'
            )
        return name_embeddings(self.class_names, self.embedding_dim)

    def step(
        self, phase: Phase, latents: Tensor, targets: Tensor, context: SynthesisContext
    ) -> Tensor:
        images = self.generator(latents)
        total, terms = phase.evaluate(self.augment(images, context.rng), targets)
        phase.keep(total, terms, image=images)
        return total
