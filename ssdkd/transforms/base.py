"""The contract of a batch transform."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class BaseBatchTransform(ABC):
    """Changes a batch of images before the networks.

    Teacher and student see the same changed images, so a transform needs no labels: the
    teacher answers what it is shown, also for a mixture of two samples. Position n of the batch
    stays sample n, whose priority follows from the answer.
    """

    @abstractmethod
    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Transform one batch.

        Args:
            images (Tensor): [N, 3, H, W], float in [0, 1]; not to be changed in place.
                Gradients must flow through the transform, as synthesizers need them.
            rng (torch.Generator, optional): Source of all randomness, on the images' device.
                Defaults to torch's own.

        Returns:
            Tensor: Images of the same shape and device, in [0, 1].
        """
