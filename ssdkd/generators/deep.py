"""A deeper generator for images of 64 to 512 pixels."""

from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.generators.base import BaseGenerator
from ssdkd.generators.sizes import checked_size, made_size
from ssdkd.registry import GENERATORS


@GENERATORS.register_module()
class DeepGenerator(BaseGenerator):
    """Convolutional generator with four or five upsamplings, for 64 to 512 pixels.

    After `DCGAN <https://arxiv.org/abs/1511.06434>`_; Fast-Datafree uses one like it for
    ImageNet. The first map is 1/32 of the image (7x7 for 224), or 1/16 where that would make
    it smaller than 4 pixels (sides below 128).

    Args:
        latent_dim (int): Z. Defaults to 256.
        image_size (int | tuple[int, int]): Side or (H, W), from 64 to 512. Images of sides that
            are no multiples of 32 are the centre of larger ones. Defaults to 224.
        width (int): Channels of the last hidden layers; the first has eight times as many,
            and every stage halves them. Defaults to 64.
        num_classes (int, optional): Makes it conditional: an embedding of the label is
            appended to the latent. Defaults to None.
        channels (int): Channels of the images. Defaults to 3. In a run, those that the teacher
            takes, unless they are given.

    Raises:
        ConfigError: ``image_size`` is not from 64 to 512.
    """

    def __init__(
        self,
        latent_dim: int = 256,
        image_size: int | tuple[int, int] = 224,
        width: int = 64,
        num_classes: int | None = None,
        channels: int = 3,
    ):
        check_int(self, 1, width=width)
        size = checked_size(image_size, smallest=64, largest=512)
        super().__init__(latent_dim, size, num_classes, channels)
        made = made_size(type(self).__name__, size, step=32)
        stages = 5 if min(made) >= 128 else 4
        maps = 8 * width
        self.start = (maps, made[0] // 2**stages, made[1] // 2**stages)
        self.linear = nn.Linear(self.input_dim, maps * self.start[1] * self.start[2])
        layers = [nn.BatchNorm2d(maps), nn.LeakyReLU(0.2, inplace=True)]
        for _ in range(stages):
            narrower = max(maps // 2, width)
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(maps, narrower, 3, padding=1, bias=False),
                nn.BatchNorm2d(narrower),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            maps = narrower
        last = nn.Conv2d(width, channels, 3, padding=1)
        self.layers = nn.Sequential(*layers, last, nn.Sigmoid())

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, Z] to images [N, C, H, W] in [0, 1]."""
        features = self.linear(self.condition(z, labels)).unflatten(1, self.start)
        return self.crop(self.layers(features))
