"""Wrapper of a network for evaluation."""

import torch
from mmengine.model import BaseModel
from torch import Tensor

from ssdkd.models.network import Network
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
        # Whether it ends in a sigmoid: thresholds are those of logits. A softmax changes no
        # prediction.
        self._to_ask = isinstance(self.network, Network) and not task.exclusive

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
        images = to_unit_range(inputs)
        if self._to_ask:
            self.network.take_log_odds(images.shape[2:])
            self._to_ask = False
        logits = self.network(images)
        return self.task.predict(logits, data_samples) if mode == 'predict' else logits
