"""VGG-11 with batch normalisation and one linear layer, for small images."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS

WIDTHS = {11: ((64,), (128,), (256, 256), (512, 512), (512, 512))}


@MODELS.register_module()
class VGG(nn.Module):
    """VGG-11 with batch normalisation and a single linear layer, for 32 or 64 pixels.

    `Very Deep Convolutional Networks <https://arxiv.org/abs/1409.1556>`_ in the form of the
    checkpoints of CMI and Fast-Datafree: the fourth max-pooling is left out below 64 pixels,
    the last one is a global mean. Takes normalised images [N, 3, H, W] and returns logits
    [N, K].

    Args:
        depth (int): 11. Defaults to 11.
        num_classes (int): K. Defaults to 10.

    Raises:
        ConfigError: ``depth`` is not 11.
    """

    def __init__(self, depth: int = 11, num_classes: int = 10):
        check_int(self, 1, depth=depth)
        check_int(self, 2, num_classes=num_classes)
        super().__init__()
        if depth not in WIDTHS:
            raise ConfigError(f"VGG: key 'depth' is {depth}; it must be 11")
        widths = WIDTHS[depth]
        self.block0 = self._make_block(3, widths[0])
        self.block1 = self._make_block(widths[0][-1], widths[1])
        self.block2 = self._make_block(widths[1][-1], widths[2])
        self.block3 = self._make_block(widths[2][-1], widths[3])
        self.block4 = self._make_block(widths[3][-1], widths[4])
        self.classifier = nn.Linear(widths[4][-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    @staticmethod
    def _make_block(in_channels: int, widths: tuple[int, ...]) -> nn.Module:
        layers = []
        for channels in widths:
            layers += [
                nn.Conv2d(in_channels, channels, 3, padding=1),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            in_channels = channels
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        large = x.shape[2] >= 64
        out = F.max_pool2d(self.block0(x), 2)
        out = F.max_pool2d(self.block1(out), 2)
        out = F.max_pool2d(self.block2(out), 2)
        out = self.block3(out)
        if large:
            out = F.max_pool2d(out, 2)
        out = self.block4(out)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(out, 1), 1))
