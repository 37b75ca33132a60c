"""ResNet-20 to ResNet-56: the small residual networks made for 32x32 images."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (option A)."""

    def __init__(self, in_channels: int, channels: int, stride: int, norm: Callable):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = norm(channels)
        self.stride = stride
        self.pad = (channels - in_channels) // 2

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.pad:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(out + x)


@MODELS.register_module()
class CifarResNet(nn.Module):
    """Residual network of depth 6n+2 with 16, 32 and 64 channels, for small images.

    Section 4.2 of `Deep Residual Learning <https://arxiv.org/abs/1512.03385>`_. Takes
    normalised images [N, 3, H, W] and returns logits [N, K].

    Args:
        depth (int): 6n+2: 8, 20, 32, 44, 56, ...
        num_classes (int): K. Defaults to 10.
        groups (int, optional): Groups of a group norm that takes the place of every batch norm;
            1, 2, 4, 8 or 16. Defaults to None: batch norm.

    Raises:
        ConfigError: ``depth`` is not of the form 6n+2, or 16 channels have no such groups.
    """

    def __init__(self, depth: int, num_classes: int = 10, groups: int | None = None):
        check_int(self, 1, depth=depth)
        check_int(self, 1, 16, optional=True, groups=groups)
        check_int(self, 2, num_classes=num_classes)
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ConfigError(
                f"CifarResNet: key 'depth' is {depth}; it must be 6n+2, such as 20, 32, 44, 56"
            )
        if groups is not None and 16 % groups:
            raise ConfigError(
                f"CifarResNet: key 'groups' is {groups}, which does not divide 16 channels; "
                'use 1, 2, 4, 8 or 16'
            )
        norm = nn.BatchNorm2d if groups is None else partial(nn.GroupNorm, groups)
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = norm(16)
        self.layer1 = self._make_layer(16, 16, blocks, stride=1, norm=norm)
        self.layer2 = self._make_layer(16, 32, blocks, stride=2, norm=norm)
        self.layer3 = self._make_layer(32, 64, blocks, stride=2, norm=norm)
        self.linear = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    @staticmethod
    def _make_layer(
        in_channels: int, channels: int, blocks: int, stride: int, norm: Callable
    ) -> nn.Module:
        rest = [BasicBlock(channels, channels, 1, norm) for _ in range(blocks - 1)]
        return nn.Sequential(BasicBlock(in_channels, channels, stride, norm), *rest)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return self.linear(torch.flatten(F.adaptive_avg_pool2d(out, 1), 1))
