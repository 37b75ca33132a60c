"""Whether a network is right no more often than by chance."""

import math
from collections.abc import Mapping

DEVIATIONS = 3  # of the accuracy of a network that guesses


def at_chance(
    role: str, metrics: Mapping[str, float], num_classes: int, images: int
) -> str | None:
    """What to say of a trained network that is right no more often than one that guesses.

    Args:
        role: Its name.
        metrics: Of a val set; only ``accuracy``, in percent, counts.
        num_classes: Number of classes.
        images: Number of images, of which the scatter of a guess depends.

    Returns:
        str | None: The warning, or None.
    """
    chance = 1 / num_classes
    limit = chance + DEVIATIONS * math.sqrt(chance * (1 - chance) / images)
    accuracy = metrics.get('accuracy')
    if accuracy is None or accuracy > 100 * limit:
        return None
    return (
        f'The {role} is right for {accuracy:g} % of {images:,} images, no more than by chance '
        f'({100 * chance:.3g} %): the labels may be in another order than its outputs, or its '
        'mean, std or weights not be those of its training'
    )
