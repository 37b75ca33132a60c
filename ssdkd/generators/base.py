"""The contract of all generators."""

import torch
from torch import Tensor, nn

from ssdkd.checks import check_int, is_int
from ssdkd.errors import ConfigError


class BaseGenerator(nn.Module):
    """Maps latents to images: ``forward(z[N, Z], labels[N] | None) -> images[N, 3, H, W]``.

    Images are in [0, 1]; the teacher's normalisation is applied after the generator, never
    inside it. Labels are int64; a conditional generator (``num_classes`` set) needs them, an
    unconditional one ignores them. Nothing in it is random, and in evaluation mode an image
    depends on its own latent alone. Subclasses implement ``forward``.

    Args:
        latent_dim (int): Z.
        image_size (tuple[int, int]): (H, W).
        num_classes (int, optional): Number of labels. Defaults to None: unconditional.
    """

    def __init__(
        self, latent_dim: int, image_size: tuple[int, int], num_classes: int | None = None
    ):
        check_int(self, 1, latent_dim=latent_dim)
        check_int(self, 1, optional=True, num_classes=num_classes)
        super().__init__()
        self.latent_dim = latent_dim
        self.image_size = image_size
        self.num_classes = num_classes
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

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        raise NotImplementedError


def checked_size(
    image_size: int | tuple[int, int], step: int, smallest: int, largest: int | None = None
) -> tuple[int, int]:
    """Return (H, W) if both are multiples of ``step`` from ``smallest`` to ``largest``.

    Raises:
        ConfigError: They are not; the message names the nearest sizes that are, if any.
    """
    size = image_size if isinstance(image_size, list | tuple) else (image_size, image_size)
    size = tuple(size)
    if len(size) != 2 or not all(map(is_int, size)):
        raise ConfigError(
            f"generator: key 'image_size' is {image_size!r}; give an integer or (height, width)"
        )
    highest = largest or max(*size, smallest) + step
    for side in size:
        if side % step == 0 and smallest <= side <= highest:
            continue
        lower = min(max(side // step * step, smallest), highest)
        upper = min(max(-(-side // step) * step, smallest), highest)
        sizes = ' or '.join(str(s) for s in sorted({lower, upper}))
        raise ConfigError(
            f"generator: key 'image_size' is {image_size}, and {side} is not a multiple of "
            f'{step} from {smallest}' + (f' to {largest}' if largest else '') + f'; use {sizes}'
        )
    return size
