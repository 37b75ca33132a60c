"""The generator of DAFL, ZSKT, CMI and Fast, for small images."""

from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.generators.base import BaseGenerator
from ssdkd.generators.sizes import checked_size, made_size, warn_large
from ssdkd.registry import GENERATORS


@GENERATORS.register_module()
class DCGANGenerator(BaseGenerator):
    """Small convolutional generator with two upsamplings, as most methods use for CIFAR.

    After `DCGAN <https://arxiv.org/abs/1511.06434>`_, in the form of
    `DAFL <https://arxiv.org/abs/1904.01186>`_ and of Fast-Datafree.

    Args:
        latent_dim (int): Z. Defaults to 256.
        image_size (int | tuple[int, int]): Side or (H, W), at least 8. Images of sides that are
            no multiples of 4 are the centre of larger ones. Defaults to 32.
        width (int): Channels of the last hidden layer; the others have twice as many.
            Defaults to 64.
        num_classes (int, optional): Makes it conditional: an embedding of the label is
            appended to the latent. Defaults to None.
        channels (int): Channels of the images. Defaults to 3. In a run, those that the teacher
            takes, unless they are given.

    Raises:
        ConfigError: ``image_size`` is below 8.
    """

    def __init__(
        self,
        latent_dim: int = 256,
        image_size: int | tuple[int, int] = 32,
        width: int = 64,
        num_classes: int | None = None,
        channels: int = 3,
    ):
        check_int(self, 1, width=width)
        size = checked_size(image_size, smallest=8)
        warn_large(type(self).__name__, size)
        super().__init__(latent_dim, size, num_classes, channels)
        made = made_size(type(self).__name__, size, step=4)
        self.start = (2 * width, made[0] // 4, made[1] // 4)
        self.linear = nn.Linear(self.input_dim, 2 * width * self.start[1] * self.start[2])
        self.layers = nn.Sequential(
            nn.BatchNorm2d(2 * width),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, Z] to images [N, C, H, W] in [0, 1]."""
        features = self.linear(self.condition(z, labels)).unflatten(1, self.start)
        return self.crop(self.layers(features))
