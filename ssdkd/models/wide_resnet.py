"""Wide residual networks WRN-d-k: pre-activation, He initialisation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS


class BasicBlock(nn.Module):
    """BN, ReLU and 3x3 convolution, twice.

    Where the channels change, the shortcut convolution also starts from the activated
    input; elsewhere the shortcut is the raw input.
    """

    def __init__(self, in_channels: int, channels: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.convShortcut = None
        if in_channels != channels:
            self.convShortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(self.bn1(x))
        out = self.conv2(F.relu(self.bn2(self.conv1(activated))))
        return out + (x if self.convShortcut is None else self.convShortcut(activated))


class NetworkBlock(nn.Module):
    """A stage: blocks of one width; the first block may halve the resolution."""

    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int):
        super().__init__()
        rest = [BasicBlock(channels, channels, 1) for _ in range(blocks - 1)]
        self.layer = nn.Sequential(BasicBlock(in_channels, channels, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


@MODELS.register_module()
class WideResNet(nn.Module):
    """Wide residual network WRN-d-k with 16k, 32k and 64k channels, for small images.

    `Wide Residual Networks <https://arxiv.org/abs/1605.07146>`_; its state dict is that of
    the checkpoints of CMI and Fast-Datafree. Takes normalised images [N, 3, H, W] and returns
    logits [N, K].

    Args:
        depth (int): d = 6n+4: 16, 22, 28, 40, ...
        widen_factor (int): k.
        num_classes (int): K. Defaults to 10.

    Raises:
        ConfigError: ``depth`` is not of the form 6n+4.
    """

    def __init__(self, depth: int, widen_factor: int, num_classes: int = 10):
        check_int(self, 1, depth=depth, widen_factor=widen_factor)
        check_int(self, 2, num_classes=num_classes)
        super().__init__()
        if depth < 10 or depth % 6 != 4:
            raise ConfigError(
                f"WideResNet: key 'depth' is {depth}; it must be 6n+4, such as 16, 28, 40"
            )
        blocks = (depth - 4) // 6
        widths = [16 * widen_factor, 32 * widen_factor, 64 * widen_factor]
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.block1 = NetworkBlock(16, widths[0], blocks, stride=1)
        self.block2 = NetworkBlock(widths[0], widths[1], blocks, stride=2)
        self.block3 = NetworkBlock(widths[1], widths[2], blocks, stride=2)
        self.bn1 = nn.BatchNorm2d(widths[2])
        self.fc = nn.Linear(widths[2], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        out = self.block3(self.block2(self.block1(self.conv1(x))))
        out = F.relu(self.bn1(out))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(out, 1), 1))
