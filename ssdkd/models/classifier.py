"""Ordinary supervised training of a network, with mmengine's own loops."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from ssdkd.checks import check_bool
from ssdkd.models.precision import chosen_precision
from ssdkd.registry import MODELS
from ssdkd.transforms import Augmentation, accepts_old_keys, to_unit_range


@MODELS.register_module()
@accepts_old_keys
class Classifier(BaseModel):
    """A network that is trained with cross entropy on labelled images, such as a teacher.

    Its dataloaders need ``collate_fn=dict(type='default_collate')``. The weights in its
    checkpoints have the prefix ``network.model.``, which ``load_weights`` knows.

    Args:
        network (dict): Config of a :class:`Network`.
        augment (Sequence[dict]): Configs of batch transforms, applied to the training images
            in their order. Defaults to none.
        autocast (str, optional): ``'bfloat16'`` runs the network in mixed precision, ``'auto'``
            only on a device with instructions for it. Defaults to None: float32.
        channels_last (bool): Keep the network in the channels-last memory format, which
            convolutions on many devices prefer. Defaults to False.

    Raises:
        ConfigError: A value cannot work.
    """

    def __init__(
        self,
        network: dict,
        augment: Sequence[dict] = (),
        autocast: str | None = None,
        channels_last: bool = False,
    ):
        check_bool('model', channels_last=channels_last)
        super().__init__()
        self.network = MODELS.build(network)
        self.augment = Augmentation('model', augment)
        self.autocast = chosen_precision(autocast)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network.to(memory_format=self.memory_format)

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
            logits = self._logits(self.augment(images))
            return dict(loss=F.cross_entropy(logits, data_samples))
        logits = self._logits(images)
        return [dict(logits=logits)] if mode == 'predict' else logits

    def _logits(self, images: Tensor) -> Tensor:
        images = images.contiguous(memory_format=self.memory_format)
        enabled = self.autocast is not None
        with torch.autocast(images.device.type, torch.bfloat16, enabled=enabled):
            return self.network(images).float()
