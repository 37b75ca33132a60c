"""Mixed precision changes the arithmetic, not what is computed."""

import torch
from helpers import build_distiller
from mmengine.optim import OptimWrapper, OptimWrapperDict


def images_of_two_steps(tiny, autocast) -> list[torch.Tensor]:
    distiller = build_distiller(
        tiny({'model.autocast': autocast, 'model.synthesizer.latent_lr': 0.0})
    )
    optimizer = torch.optim.SGD(distiller.synthesizer.parameters(), lr=0.1)
    images = []
    generator = distiller.synthesizer.generator
    generator.register_forward_hook(lambda m, i, o: images.append(o.detach().float()))
    distiller.synthesize(OptimWrapperDict(generator=OptimWrapper(optimizer)))
    return images


def test_mixed_precision_follows_full_precision(tiny):
    """It would not if the phase's autocast region kept its first cast of the weights."""
    for low, full in zip(
        images_of_two_steps(tiny, 'bfloat16'), images_of_two_steps(tiny, None)
    ):
        assert (low - full).abs().mean() < 0.02
