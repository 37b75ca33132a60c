"""Say in a line what this generator is for."""

from torch import nn

from ssdkd.generators import BaseGenerator
from ssdkd.generators.sizes import checked_size, made_size
from ssdkd.registry import GENERATORS


@GENERATORS.register_module()
class PluginName(BaseGenerator):
    """A map of a quarter of the size, enlarged twice and coloured."""

    def __init__(self, latent_dim=256, image_size=32, width=64, num_classes=None, channels=3):
        size = checked_size(image_size, smallest=8)
        super().__init__(latent_dim, size, num_classes, channels)
        height, side = made_size(type(self).__name__, size, step=4)
        self.start = (width, height // 4, side // 4)
        self.linear = nn.Linear(self.input_dim, width * self.start[1] * self.start[2])
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Upsample(scale_factor=4),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, z, labels=None):
        features = self.linear(self.condition(z, labels)).unflatten(1, self.start)
        return self.crop(self.layers(features))
