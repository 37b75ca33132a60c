"""A problem small enough to be solved by hand, and one phase of a synthesizer on it."""

import torch
from torch import nn

from ssdkd.losses import BaseInversionLoss
from ssdkd.synthesizers import SynthesisContext

GREY = 0.3


class Line(nn.Module):
    """Each image has one value, w * z + b."""

    latent_dim = 1
    image_size = (2, 2)

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.7))
        self.b = nn.Parameter(torch.tensor(-0.2))

    def forward(self, z, labels):
        return (self.w * z + self.b)[:, :, None, None].expand(-1, 3, 2, 2)


class ToGrey(BaseInversionLoss):
    """Squared distance of the images from one grey."""

    def forward(self, state):
        return (state.images - GREY).square().mean(dim=(1, 2, 3))


class ToyTeacher(nn.Module):
    """Logits that are the channels' means; normalised, as a teacher is."""

    def __init__(self):
        super().__init__()
        self.register_buffer('mean', torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1))

    def forward(self, images):
        return images.mean(dim=(2, 3))


def attach(synthesizer, loss=None):
    """Give a synthesizer the toy's teacher and loss."""
    synthesizer.losses = nn.ModuleDict({'grey': loss or ToGrey()})
    synthesizer.attach(ToyTeacher(), num_classes=3)
    return synthesizer


def phase(synthesizer, optim_wrapper=None, rng=None, share=(0.0, 0.0)):
    context = SynthesisContext(
        teacher=ToyTeacher(),
        student=None,
        task=None,
        modulation=None,
        buffer=None,
        optim_wrapper=optim_wrapper,
        rng=rng or torch.Generator().manual_seed(0),
        round=0,
        warmup=False,
        share=share,
    )
    batch, log = synthesizer.synthesize(context)
    return batch['image'], log
