"""Wrapper of a network for evaluation."""

import torch
from mmengine.model import BaseModel
from torch import Tensor

from ssdkd.registry import MODELS, TASKS
from ssdkd.transforms import to_unit_range


@MODELS.register_module()
class Predictor(BaseModel):
    """Wraps a trained network for mmengine's test loop and metrics.

    Args:
        network (dict): Config of a :class:`Network`.
        task (dict): Config of a task, which turns logits into predictions.
    """

    def __init__(self, network: dict, task: dict):
        task = TASKS.build(task)
        super().__init__(task.data_preprocessor)
        self.task = task
        self.network = MODELS.build({'type': 'Network', **network})

    def init_weights(self) -> None:
        """Nothing: the network is trained."""

    @torch.no_grad()
    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        """Logits of images [N, 3, H, W], uint8 or in [0, 1]; as predictions if asked.

        Args:
            inputs: The images.
            data_samples: What the dataset says of them; passed to the task.
            mode: ``'tensor'`` or ``'predict'``.
        """
        logits = self.network(to_unit_range(inputs))
        return self.task.predict(logits, data_samples) if mode == 'predict' else logits
