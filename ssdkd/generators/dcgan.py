"""The generator of DAFL, ZSKT, CMI and Fast, for small images."""

from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.generators.base import BaseGenerator, checked_size
from ssdkd.registry import GENERATORS


@GENERATORS.register_module()
class DCGANGenerator(BaseGenerator):
    """Small convolutional generator with two upsamplings, as most methods use for CIFAR.

    After `DCGAN <https://arxiv.org/abs/1511.06434>`_, in the form of
    `DAFL <https://arxiv.org/abs/1904.01186>`_ and of Fast-Datafree.

    Args:
        latent_dim (int): Z. Defaults to 256.
        image_size (int | tuple[int, int]): Side or (H, W), divisible by 4. Defaults to 32.
        width (int): Channels of the last hidden layer; the others have twice as many.
            Defaults to 64.
        num_classes (int, optional): Makes it conditional: an embedding of the label is
            appended to the latent. Defaults to None.

    Raises:
        ConfigError: ``image_size`` is not divisible by 4.
    """

    def __init__(
        self,
        latent_dim: int = 256,
        image_size: int | tuple[int, int] = 32,
        width: int = 64,
        num_classes: int | None = None,
    ):
        check_int(self, 1, width=width)
        size = checked_size(image_size, step=4, smallest=8)
        super().__init__(latent_dim, size, num_classes)
        self.start = (2 * width, size[0] // 4, size[1] // 4)
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
            nn.Conv2d(width, 3, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, Z] to images [N, 3, H, W] in [0, 1]."""
        return self.layers(self.linear(self.condition(z, labels)).unflatten(1, self.start))
