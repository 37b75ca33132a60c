"""The lower bound: Gaussian images, nothing trained."""

import torch
from helpers import build_runner, tiny_config

from ssdkd.synthesizers import NoiseSynthesizer, SynthesisContext

OPTIONS = {
    'model.synthesizer': dict(
        _delete_=True, type='NoiseSynthesizer', image_size=16, samples=16
    ),
    'train_cfg.warmup_rounds': 0,
}


class Normalisation:
    """As much of a teacher as the noise looks at."""

    mean = torch.tensor([0.4, 0.5, 0.6]).reshape(1, 3, 1, 1)
    std = torch.tensor([0.05, 0.1, 0.15]).reshape(1, 3, 1, 1)


def draw(seed):
    context = SynthesisContext(
        teacher=Normalisation,
        student=None,
        task=None,
        modulation=None,
        buffer=None,
        optim_wrapper=None,
        rng=torch.Generator().manual_seed(seed),
        round=0,
        warmup=False,
    )
    batch, log = NoiseSynthesizer((32, 64), samples=64).synthesize(context)
    return batch['image'], log


def test_is_gaussian_with_the_moments_of_the_normalisation():
    images, log = draw(0)
    assert images.shape == (64, 3, 32, 64) and not log
    assert 0 <= images.min() and images.max() <= 1
    flat = images.transpose(0, 1).flatten(1)
    # 131,072 draws a channel: five standard errors of the mean, and of the deviation.
    assert torch.allclose(flat.mean(1), Normalisation.mean.flatten(), atol=0.15 * 5 / 362)
    assert torch.allclose(flat.std(1), Normalisation.std.flatten(), rtol=0.02)


def test_follows_its_seed():
    assert torch.equal(draw(0)[0], draw(0)[0])
    assert not torch.equal(draw(0)[0], draw(1)[0])


def test_trains_a_student_without_a_generator(tmp_path):
    cfg = tiny_config(tmp_path, OPTIONS)
    runner = build_runner(cfg)
    runner.train()
    assert list(runner.optim_wrapper.keys()) == ['student']
    assert len(runner.model.buffer) == 64


def test_warms_up_without_a_figure_to_log(tmp_path):
    build_runner(tiny_config(tmp_path, OPTIONS | {'train_cfg.warmup_rounds': 1})).train()
