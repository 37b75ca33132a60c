"""Number of channels of the images that a network takes."""

from itertools import chain

import torch
from torch import nn

from ssdkd.models.program import Program

# Tried where a network's first convolution does not tell, besides the size that timm states.
SIZES = (64, 224)


def image_channels(model: nn.Module) -> int:
    """Channels of the images that a plain network takes, found from its first convolution.

    A network whose first convolution has another number of channels than 3, but which runs on
    RGB images, takes these: it rearranges pixels, or makes grey images first. One without
    convolutions is taken to be for RGB.

    Args:
        model (nn.Module): The plain network. Its state does not change.
    """
    modules = list(model.modules())
    convolutions = (m.in_channels for m in modules if isinstance(m, nn.Conv2d))
    programs = (m for m in modules if isinstance(m, Program))
    inside = (p.shape[1] for m in programs for p in m.parameters() if p.ndim == 4)
    first = next(chain(convolutions, inside), 3)
    # A lazy layer has 0 until the first pass.
    return 3 if first in (0, 3) or _runs(model, 3) else first


@torch.no_grad()
def _runs(model: nn.Module, channels: int) -> bool:
    """Whether a network runs on images of so many channels, of one of the usual sizes."""
    stated = (getattr(model, 'pretrained_cfg', None) or {}).get('input_size')
    sizes = [tuple(stated[1:])] if stated else []
    device = next((p.device for p in model.parameters()), 'cpu')
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            return any(
                _passes(model, torch.zeros(1, channels, *size, device=device))
                for size in [*sizes, *((side, side) for side in SIZES)]
            )
    finally:
        for module, mode in modes.items():
            module.training = mode


def _passes(model: nn.Module, images: torch.Tensor) -> bool:
    try:
        model(images)
    except Exception:  # whatever a user's own code raises
        return False
    return True
