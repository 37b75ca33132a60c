"""CutMix: a box of each image is another image of the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor


def cutmix(
    images: Tensor, probability: float, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Paste a random box of a partner into each image (Yun et al. 2019, arXiv 1905.04899).

    The whole batch is mixed or not. The share of a box is uniform in [0, 1] before it is cut
    at the image's edge. No value goes to the host.

    Args:
        images: [N, 3, H, W].
        probability: That the batch is mixed.
        rng: Source of randomness, on the images' device.

    Returns:
        tuple: mixed images; partners [N] int64, indices of the batch; the share [N] of each
        image that is its partner's.
    """
    n, _, height, width = images.shape

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=rng, device=images.device)

    mixes, partners = (
        draw(1) < probability,
        torch.randperm(n, generator=rng, device=images.device),
    )
    half = draw(n, 1).sqrt() / 2  # of a side, as a share of the image's
    box = torch.ones(n, height, width, dtype=torch.bool, device=images.device)
    for dim, side in ((1, height), (2, width)):
        pixels = (torch.arange(side, device=images.device) + 0.5) / side
        inside = (pixels - draw(n, 1)).abs() < half
        box &= inside.unsqueeze(3 - dim)
    box &= mixes
    mixed = torch.where(box.unsqueeze(1), images[partners], images)
    return mixed, partners, box.float().mean(dim=(1, 2))


def mixed_cross_entropy(
    logits: Tensor, targets: Tensor, partners: Tensor, share: Tensor
) -> Tensor:
    """Cross entropy [N] with the classes of both images, weighted by their shares."""
    own, theirs = (
        F.cross_entropy(logits, wanted, reduction='none')
        for wanted in (targets, targets[partners])
    )
    return (1 - share) * own + share * theirs
