"""ResNet-18 and ResNet-34 for small images: the usual teachers of the field."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; a 1x1 convolution on the shortcut where the shape changes."""

    def __init__(self, in_channels: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


@MODELS.register_module()
class ResNet(nn.Module):
    """Residual network with a 3x3 stem and no max-pooling, for images of 32 to 64 pixels.

    The network of `Deep Residual Learning <https://arxiv.org/abs/1512.03385>`_ with the stem
    that data-free distillation uses for CIFAR; its state dict is that of the checkpoints of
    CMI and Fast-Datafree. For ImageNet's stem use ``dict(type='torchvision',
    name='resnet18')``. Takes normalised images [N, 3, H, W] and returns logits [N, K].

    Args:
        depth (int): 18 or 34.
        num_classes (int): K. Defaults to 10.

    Raises:
        ConfigError: ``depth`` is neither 18 nor 34.
    """

    def __init__(self, depth: int, num_classes: int = 10):
        check_int(self, 1, depth=depth)
        check_int(self, 2, num_classes=num_classes)
        super().__init__()
        if depth not in BLOCKS:
            raise ConfigError(f"ResNet: key 'depth' is {depth}; it must be 18 or 34")
        blocks = BLOCKS[depth]
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = self._make_layer(64, 64, blocks[0], stride=1)
        self.layer2 = self._make_layer(64, 128, blocks[1], stride=2)
        self.layer3 = self._make_layer(128, 256, blocks[2], stride=2)
        self.layer4 = self._make_layer(256, 512, blocks[3], stride=2)
        self.linear = nn.Linear(512, num_classes)

    @staticmethod
    def _make_layer(in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
        rest = [BasicBlock(channels, channels, 1) for _ in range(blocks - 1)]
        return nn.Sequential(BasicBlock(in_channels, channels, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        return self.linear(torch.flatten(F.adaptive_avg_pool2d(out, 1), 1))
