"""Networks that are quick to run."""

import torch
from torch import Tensor, nn

from ssdkd.models import Network, Teacher
from ssdkd.tasks import BaseTask
from ssdkd.testing.common import K, global_seed

SIDE = 8  # pixels


class TinyNet(nn.Module):
    """Two stages with batch norms, then a classifier of images or, if ``dense``, of pixels."""

    def __init__(self, num_classes: int = K, dense: bool = False):
        super().__init__()
        self.layer1 = self._stage(3, 4, stride=1)
        self.layer2 = self._stage(4, 8, stride=2)
        self.dense = dense
        self.head = nn.Conv2d(8, num_classes, 1) if dense else nn.Linear(8, num_classes)

    @staticmethod
    def _stage(inputs: int, outputs: int, stride: int) -> nn.Module:
        conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        features = self.layer2(self.layer1(x))
        return self.head(features if self.dense else features.mean(dim=(2, 3)))


def is_dense(task: BaseTask) -> bool:
    """Whether the task reads logits of pixels."""
    return task.logits_form.count(',') == 3


def tiny_networks(task: BaseTask, side: int = SIDE) -> tuple[Teacher, Network]:
    """A teacher and another student, always the same ones, as a generator phase sees them."""
    made = []
    with global_seed(1):
        for role in (Teacher, Network):
            model = TinyNet(task.outputs, is_dense(task))
            with torch.no_grad():
                for _ in range(3):  # so that the batch norms remember something
                    model((torch.rand(8, 3, side, side) - 0.5) / 0.25)
            made.append(role(model, mean=[0.5], std=[0.25]).eval().requires_grad_(False))
    return made[0], made[1]
