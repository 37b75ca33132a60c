"""A network that guesses, told by its accuracy."""

import numpy as np
import pytest

from ssdkd.evaluation.chance import at_chance


@pytest.mark.parametrize('classes, images', [(10, 360), (2, 1000), (1000, 50_000)])
def test_guesses_are_seen_and_better_ones_are_not(classes, images):
    rng = np.random.default_rng(0)
    guesses = 100 * rng.binomial(images, 1 / classes, size=2000) / images
    seen = [at_chance('teacher', {'accuracy': a}, classes, images) is not None for a in guesses]
    assert np.mean(seen) > 0.99
    assert (
        at_chance('teacher', {'accuracy': 200 / classes - 25 * (classes == 2)}, classes, images)
        is None
    )


def test_what_it_says():
    said = at_chance('teacher', {'accuracy': 10.28}, 10, 360)
    assert said.startswith('The teacher is right for 10.28 % of 360 images, no more than by')
    assert at_chance('teacher', {'mIoU': 1.0}, 10, 360) is None
