"""The noisy layers between class embeddings and generator."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NoisyLayers(nn.Module):
    """A linear layer for each pass through the classes, drawn from N(0, 1), bias 0.

    All classes share a pass's layer; samples of one class differ by their layers. NAYER
    (arXiv 2310.00258, section 3.3) has no other source of randomness: layers that are thrown
    away after a batch replace the latents.

    Args:
        samples (int): N, of a batch. It has ceil(N / K) passes.
        num_classes (int): K.
        embedding_dim (int): E.
        latent_dim (int): Z, the width of the generator's input.
        rng (torch.Generator): Draws the layers, on its device.
    """

    def __init__(
        self,
        samples: int,
        num_classes: int,
        embedding_dim: int,
        latent_dim: int,
        rng: torch.Generator,
    ):
        super().__init__()
        passes = -(-samples // num_classes)
        shape = (passes, embedding_dim, latent_dim)
        self.weight = nn.Parameter(torch.randn(shape, generator=rng, device=rng.device))
        self.bias = nn.Parameter(torch.zeros(passes, 1, latent_dim, device=rng.device))
        self.num_classes = num_classes

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map [N, E], pass after pass, to latents [N, Z]."""
        passes, n = len(self.weight), len(embeddings)
        padded = F.pad(embeddings, (0, 0, 0, passes * self.num_classes - n))
        latents = torch.baddbmm(
            self.bias, padded.unflatten(0, (passes, self.num_classes)), self.weight
        )
        return latents.flatten(0, 1)[:n]


def deal_targets(samples: int, num_classes: int, rng: torch.Generator) -> Tensor:
    """Classes [N]: whole passes in order, then a random part of one, without repetition.

    The authors draw the last part with repetition, which gives equal samples.
    """
    passes, rest = divmod(samples, num_classes)
    whole = torch.arange(num_classes, device=rng.device).repeat(passes)
    part = torch.randperm(num_classes, generator=rng, device=rng.device)[:rest]
    return torch.cat([whole, part])
