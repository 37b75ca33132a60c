"""A network that guesses, told by its accuracy."""

import numpy as np
import pytest

from ssdkd.evaluation.chance import at_chance


@pytest.mark.parametrize(
    'classes, images, better', [(10, 360, 20.0), (2, 1000, 60.0), (1000, 50_000, 0.2)]
)
def test_guesses_are_seen_and_better_ones_are_not(classes, images, better):
    rng = np.random.default_rng(0)
    guesses = 100 * rng.binomial(images, 1 / classes, size=2000) / images
    seen = [at_chance('teacher', {'accuracy': a}, classes, images) for a in guesses]
    assert sum(said is not None for said in seen) > 0.99 * len(seen)
    assert at_chance('teacher', {'accuracy': better}, classes, images) is None


def test_what_it_says():
    said = at_chance('teacher', {'accuracy': 10.28}, 10, 360)
    assert said.startswith('The teacher is right for 10.28 % of 360 images, no more than by')
    assert at_chance('teacher', {'mIoU': 1.0}, 10, 360) is None
