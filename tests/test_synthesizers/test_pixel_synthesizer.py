"""Optimised pixels: that they get better, stay images, and move as Adam moves them."""

import pytest
import torch
from helpers import build_distiller, build_runner
from toy import GREY, ToyTeacher, attach, phase

from ssdkd.errors import ConfigError
from ssdkd.synthesizers import PixelSynthesizer

MEAN, STD = ToyTeacher().mean, ToyTeacher().std


class Recorded(PixelSynthesizer):
    """Keeps the images of each step, before the jitter."""

    def augment(self, images, rng):
        self.steps_seen = getattr(self, 'steps_seen', [])
        self.steps_seen.append(images.detach().clone())
        return super().augment(images, rng)


def toy(steps, **options):
    return attach(Recorded(8, {}, 4, steps, modulate=False, **options))


def test_begins_with_noise_of_the_teachers_normalisation():
    synthesizer = attach(Recorded(32, {}, 64, 1, modulate=False))
    phase(synthesizer)
    flat = synthesizer.steps_seen[0].transpose(0, 1).flatten(1)
    # 65,536 draws a channel, the red ones so far from the ends that few are clipped.
    assert flat[0].mean() == pytest.approx(0.4, abs=0.1 * 5 / 256)
    assert flat[0].std() == pytest.approx(0.1, rel=0.02)
    assert 0 <= flat.min() and flat.max() <= 1


def test_steps_lower_the_loss_to_its_minimum():
    short, long = (phase(toy(steps))[1]['grey'].item() for steps in (2, 200))
    assert long < 1e-3 < short
    images, _ = phase(toy(200))
    assert images.shape == (4, 3, 8, 8) and not images.requires_grad
    assert images.sub(GREY).abs().max() < 0.05


def test_first_step_moves_each_pixel_by_the_learning_rate_in_the_teachers_deviations():
    synthesizer = toy(2, pixel_lr=0.05)
    phase(synthesizer)
    first, second = synthesizer.steps_seen
    moved = (second - first) / STD
    # Adam's first step is lr against the sign of the gradient; the ends of the range stop it.
    expected = -0.05 * (first - GREY).sign()
    inside = (first + expected * STD).clamp(0, 1) == first + expected * STD
    inside &= (first - GREY).abs() > 0.01  # else Adam's epsilon counts
    assert inside.float().mean() > 0.85
    assert torch.allclose(moved[inside], expected[inside], atol=5e-4)


def test_pixels_stay_images():
    synthesizer = toy(5, pixel_lr=3.0)
    images, _ = phase(synthesizer)
    for seen in [images, *synthesizer.steps_seen]:
        assert -1e-6 <= seen.min() and seen.max() <= 1 + 1e-6
    assert 0 <= images.min() and images.max() <= 1


def test_the_best_batch_is_kept():
    """Steps so large that the loss goes up again."""
    synthesizer = toy(12, pixel_lr=0.5)
    images, _ = phase(synthesizer)
    losses = [x.sub(GREY).square().mean().item() for x in synthesizer.steps_seen]
    best = min(range(12), key=losses.__getitem__)
    assert 0 < best < 11
    assert torch.allclose(images, synthesizer.steps_seen[best], atol=1e-6)


def test_what_the_networks_see_is_rolled_and_flipped():
    flip = dict(type='RandomCropFlip', flip=True)
    synthesizer = PixelSynthesizer(8, {}, 4, 1, jitter=3, augment=[flip])
    images = torch.rand(4, 3, 8, 8)
    offsets, mirrored = set(), []
    for seed in range(30):
        seen = synthesizer.augment(images, torch.Generator().manual_seed(seed))
        found = [
            (down, across, flip)
            for down in range(-3, 4)
            for across in range(-3, 4)
            for flip in (False, True)
            if torch.equal(seen[0], rolled(images[0], down, across, flip))
        ]
        assert len(found) == 1
        down, across, _ = found[0]
        offsets.add((down, across))
        for image, view in zip(images, seen):  # one offset for the batch, a flip an image
            flips = [f for f in (0, 1) if torch.equal(view, rolled(image, down, across, f))]
            mirrored += flips
    assert len(offsets) > 15 and len(mirrored) == 120 and 40 < sum(mirrored) < 80


def rolled(image, down, across, flip):
    image = torch.roll(image, (down, across), (1, 2))
    return image.flip(-1) if flip else image


def pixel(tiny, **options):
    cfg = tiny({'train_cfg.warmup_rounds': 0})
    losses = cfg.model.synthesizer.losses
    cfg.model.synthesizer = dict(
        type='PixelSynthesizer', image_size=16, losses=losses, batch_size=16, steps=3, **options
    )
    return cfg


def test_lowers_the_losses_of_a_distiller(tiny):
    """The same noise, as the seed is the same."""
    totals = []
    for steps in (1, 40):
        cfg = pixel(tiny, modulate=False, jitter=0)
        cfg.model.synthesizer.steps = steps
        distiller = build_distiller(cfg)
        log = distiller.synthesize(None)
        losses = distiller.synthesizer.losses
        totals.append(sum(losses[k].weight * v.item() for k, v in log.items()))
        distiller.seed(0)
    assert totals[1] < 0.7 * totals[0]


def test_trains_a_student_without_a_generator(tiny):
    runner = build_runner(pixel(tiny))
    runner.train()
    assert list(runner.optim_wrapper.keys()) == ['student']
    assert not list(runner.model.synthesizer.parameters())


@pytest.mark.parametrize('jitter', [-1, 8])
def test_bad_input(jitter):
    with pytest.raises(ConfigError, match=rf'jitter={jitter} must lie in \[0, 7\]'):
        PixelSynthesizer(8, {}, 4, jitter=jitter)
