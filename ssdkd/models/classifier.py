"""Ordinary supervised training of a network, with mmengine's own loops."""

import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from ssdkd.checks import check_bool, check_int
from ssdkd.datasets.augment import random_crop_flip, to_unit_range
from ssdkd.registry import MODELS


@MODELS.register_module()
class Classifier(BaseModel):
    """A network trained with cross entropy on labelled images; how teachers are made.

    Its dataloaders need ``collate_fn=dict(type='default_collate')``. The weights in its
    checkpoints have the prefix ``network.model.``, which ``load_weights`` knows.

    Args:
        network (dict): Config of a :class:`Network`.
        crop_padding (int): Training images are padded with this many black pixels on each
            side and randomly cropped back. Defaults to 0.
        flip (bool): Mirror every second training image, at random. Defaults to False.
    """

    def __init__(self, network: dict, crop_padding: int = 0, flip: bool = False):
        check_int(self, 0, crop_padding=crop_padding)
        check_bool(self, flip=flip)
        super().__init__()
        self.network = MODELS.build(network)
        self.crop_padding = crop_padding
        self.flip = flip

    def forward(
        self, inputs: Tensor, data_samples: Tensor | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor] | list[dict[str, Tensor]]:
        """Run the network.

        Args:
            inputs (Tensor): Images [N, 3, H, W], uint8, or float in [0, 1].
            data_samples (Tensor, optional): Labels [N], int64; needed by mode ``'loss'``.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            ``dict(loss=scalar)``; or the whole batch as one dict in a list,
            ``[dict(logits=[N, K])]``, which metrics take in one piece; or logits [N, K].
        """
        images = to_unit_range(inputs)
        if mode == 'loss':
            images = random_crop_flip(images, self.crop_padding, self.flip)
            return dict(loss=F.cross_entropy(self.network(images), data_samples))
        logits = self.network(images)
        return [dict(logits=logits)] if mode == 'predict' else logits
