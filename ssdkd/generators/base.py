"""The contract of all generators."""

import torch
from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.errors import ConfigError


class BaseGenerator(nn.Module):
    """Maps latents to images: ``forward(z[N, Z], labels[N] | None) -> images[N, C, H, W]``.

    Images are in [0, 1]; the teacher's normalisation is applied after the generator, never
    inside it. Labels are int64; a conditional generator (``num_classes`` set) needs them, an
    unconditional one ignores them. Nothing in it is random, and in evaluation mode an image
    depends on its own latent alone. Subclasses implement ``forward``.

    Args:
        latent_dim (int): Z.
        image_size (tuple[int, int]): (H, W).
        num_classes (int, optional): Number of labels. Defaults to None: unconditional.
        channels (int): C. Defaults to 3.
    """

    def __init__(
        self,
        latent_dim: int,
        image_size: tuple[int, int],
        num_classes: int | None = None,
        channels: int = 3,
    ):
        check_int(self, 1, latent_dim=latent_dim, channels=channels)
        check_int(self, 1, optional=True, num_classes=num_classes)
        super().__init__()
        self.latent_dim = latent_dim
        self.image_size = image_size
        self.num_classes = num_classes
        self.channels = channels
        self.embedding = None if num_classes is None else nn.Embedding(num_classes, latent_dim)

    @property
    def input_dim(self) -> int:
        """Width of what :meth:`condition` returns."""
        return self.latent_dim * (1 if self.embedding is None else 2)

    def condition(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Append the labels' embedding to the latents, if this generator is conditional."""
        if self.embedding is None:
            return z
        if labels is None:
            raise ConfigError(
                f"generator: key 'num_classes' is {self.num_classes}, so it needs labels with "
                'every latent; give them, or leave num_classes out'
            )
        return torch.cat([z, self.embedding(labels)], dim=1)

    def crop(self, images: Tensor) -> Tensor:
        """The centre of images that are larger than ``image_size``, differentiably."""
        height, width = self.image_size
        top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
        return images[:, :, top : top + height, left : left + width]

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        raise NotImplementedError
