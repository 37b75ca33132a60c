"""Mixed precision changes the arithmetic, not what is computed."""

import pytest
import torch
from helpers import build_distiller
from mmengine.optim import OptimWrapper, OptimWrapperDict

from ssdkd.models import has_bfloat16


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


@pytest.mark.parametrize(
    'instructions, autocast',
    [
        (dict(avx2=True, avx512_f=True), None),
        (dict(avx512_f=True, avx512_bf16=False), None),
        (dict(avx512_f=True, avx512_bf16=True), 'bfloat16'),
        (dict(neon=True, bf16=True), 'bfloat16'),
    ],
)
def test_auto_asks_the_device(tiny, monkeypatch, instructions, autocast):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: instructions, raising=False)
    monkeypatch.setattr('ssdkd.models.precision.get_device', lambda: 'cpu')
    assert build_distiller(tiny({'model.autocast': 'auto'})).autocast == autocast


def test_torch_that_knows_no_instructions(monkeypatch):
    monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)
    assert not has_bfloat16('cpu')
