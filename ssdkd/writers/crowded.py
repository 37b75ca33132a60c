"""Writer that restores the balance of classes."""

import torch
from torch import Tensor

from ssdkd.buffers.base import BaseBuffer, SampleBatch
from ssdkd.checks import check_number
from ssdkd.registry import WRITERS
from ssdkd.writers.base import BaseWriter


@WRITERS.register_module()
class CrowdedWriter(BaseWriter):
    """Overwrites the least useful samples of the most crowded classes, to restore balance.

    SSD-KD (Liu et al., CVPR 2024, arXiv 2406.07876) wants a buffer that is balanced in
    diversity, but does not say which part of it a round overwrites. Here the class counts
    of the buffer and the incoming batch together are levelled from the top, as water fills
    a vessel upside down: one sample at a time is taken from the largest class. A class
    cannot give more than it has stored; what the batch itself brings too much of is then
    taken from the next largest class. In a distributed run each process levels its own
    slots, which levels their sum.

    Within a class the least useful go first, where::

        usefulness = priority_weight * rank(priority) + age_weight * rank(birth)
                     + confidence_weight * rank(confidence)

    and ``rank`` is the (average) rank among all stored samples, scaled to [0, 1]. Why not
    the priority alone: the noise that a generator makes in its first rounds is what the
    student disagrees with the teacher on most, always. Its priority stays at the top, and
    with priority alone it is never overwritten. That it is old, and that the teacher is
    unsure of it, tells it from a sample that is worth its difficulty.

    A sample belongs to the largest entry of its ``class_share``, so that the writer serves
    segmentation (histograms) as well. Equals are taken in the order of their slots.

    Args:
        priority_weight (float): Weight of a high priority, >= 0. Defaults to 1.
        age_weight (float): Weight of a late birth, >= 0. Defaults to 1.
        confidence_weight (float): Weight of the teacher's confidence, >= 0. Defaults to 1.

    Raises:
        ConfigError: A weight is negative or not finite.
    """

    def __init__(
        self,
        priority_weight: float = 1.0,
        age_weight: float = 1.0,
        confidence_weight: float = 1.0,
    ):
        check_number(
            self,
            '[0, inf)',
            priority_weight=priority_weight,
            age_weight=age_weight,
            confidence_weight=confidence_weight,
        )
        self.weights = dict(
            priority=priority_weight, birth=age_weight, confidence=confidence_weight
        )

    def evict(self, buffer: BaseBuffer, batch: SampleBatch, n: int) -> Tensor:
        """Choose ``n`` slots of the most crowded classes, least useful first -> [n] int64."""
        share = buffer.columns['class_share'][: len(buffer)]
        classes = share.argmax(1)
        stored = torch.bincount(classes, minlength=share.shape[1])
        incoming = torch.bincount(batch['class_share'].argmax(1), minlength=share.shape[1])

        # Slots from useless to useful, and the same grouped by class.
        useless = self.usefulness(buffer).argsort(stable=True)
        grouped = useless[classes[useless].argsort(stable=True)]
        group = classes[grouped]
        place = (
            torch.arange(len(buffer), device=share.device) - (stored.cumsum(0) - stored)[group]
        )

        # The j-th sample that a class gives up stands j below the class's full height, so
        # the n highest samples of all are what levelling removes. Stable, so that among
        # classes of equal height the least useful sample goes first.
        height = torch.empty_like(place)
        height[grouped] = (stored + incoming)[group] - place
        return useless[height[useless].argsort(stable=True, descending=True)[:n]]

    def usefulness(self, buffer: BaseBuffer) -> Tensor:
        """How much each filled slot is worth keeping -> [size] float64, >= 0."""
        size = len(buffer)
        return sum(
            weight * average_rank(buffer.columns[name][:size])
            for name, weight in self.weights.items()
        )


def average_rank(values: Tensor) -> Tensor:
    """Rank of each value [N], equals sharing their mean rank, scaled to [0, 1] -> float64."""
    ordered = values.sort().values
    below = torch.searchsorted(ordered, values)
    up_to = torch.searchsorted(ordered, values, right=True)
    return (below + up_to - 1).double() / max(2 * (len(values) - 1), 1)
