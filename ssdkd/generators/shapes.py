"""A generator that starts from shapes which cover each other, as objects in photographs do."""

import math

import torch
from torch import Tensor, nn

from ssdkd.checks import check_int
from ssdkd.generators.base import BaseGenerator
from ssdkd.generators.sizes import checked_size, made_size, warn_large
from ssdkd.registry import GENERATORS

NUMBERS = 6  # of a shape, besides its colour: centre (2), angle, radii (2), squareness
SHARPNESS = 40.0  # of the edges; at 32 pixels an edge is about a pixel wide


@GENERATORS.register_module()
class ShapesGenerator(BaseGenerator):
    """Draws shapes from the latents, and refines the picture by a convolutional network.

    A fixed linear map takes the latent to numbers of standard normal distribution: place, size,
    angle, form and colour of each shape. Later shapes are smaller and cover earlier ones. Such
    "dead leaves" have edges and scales as photographs do (Lee et al. 2001, "Occlusion models
    for natural images"), and networks learn much from them (Baradad et al. 2021, arXiv
    2106.05963). The network adds what the teacher asks for. So the layout differs from sample
    to sample from the first step on; a generator that makes everything from noise shows one
    layout until it has been trained for long. *choice*: no published method starts an
    inversion there.

    Args:
        latent_dim (int): Z. Defaults to 256.
        image_size (int | tuple[int, int]): Side or (H, W), at least 8. Images of sides that are
            no multiples of 4 are the centre of larger ones. Defaults to 32.
        width (int): Channels of the last hidden layer; the others have twice as many.
            Defaults to 64.
        shapes (int): Shapes per image. Defaults to 15.
        num_classes (int, optional): Makes it conditional: an embedding of the label is
            appended to the latent. Defaults to None.
        channels (int): Channels of the images. Defaults to 3. In a run, those that the teacher
            takes, unless they are given.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(
        self,
        latent_dim: int = 256,
        image_size: int | tuple[int, int] = 32,
        width: int = 64,
        shapes: int = 15,
        num_classes: int | None = None,
        channels: int = 3,
    ):
        check_int(self, 1, width=width, shapes=shapes)
        size = checked_size(image_size, smallest=8)
        warn_large(type(self).__name__, size)
        super().__init__(latent_dim, size, num_classes, channels)
        made = made_size(type(self).__name__, size, step=4)
        self.shapes = shapes
        self.made = made
        count = (NUMBERS + channels) * shapes + channels
        numbers = torch.randn(self.input_dim, count) / math.sqrt(self.input_dim)
        self.register_buffer('numbers', numbers)
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * channels, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, channels, 3, padding=1),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, Z] to images [N, C, H, W] in [0, 1]."""
        numbers = self.condition(z, labels) @ self.numbers
        background, numbers = numbers[:, : self.channels], numbers[:, self.channels :]
        shapes = numbers.unflatten(1, (self.shapes, NUMBERS + self.channels))
        picture = draw_shapes(shapes, background, self.made)
        refined = self.layers(2 * picture - 1) + picture.clamp(0.02, 0.98).logit()
        return self.crop(torch.sigmoid(refined))


@torch.no_grad()
def random_shapes(
    count: int, image_size: tuple[int, int], seed: int, shapes: int = 15, channels: int = 3
) -> Tensor:
    """Pictures of random shapes, which no network has refined -> uint8 [count, C, H, W].

    Args:
        count: Number of pictures.
        image_size: (H, W).
        seed: The same seed gives the same pictures on every machine.
        shapes: Shapes per picture.
        channels: C.
    """
    rng = torch.Generator().manual_seed(seed)
    numbers = torch.randn(count, (NUMBERS + channels) * shapes + channels, generator=rng)
    pictures = []
    for part in numbers.split(max(1, 2**15 // math.prod(image_size))):  # masks take memory
        background, parts = part[:, :channels], part[:, channels:]
        parts = parts.unflatten(1, (shapes, NUMBERS + channels))
        pictures.append(draw_shapes(parts, background, image_size).mul(255).round().byte())
    return torch.cat(pictures)


def draw_shapes(shapes: Tensor, background: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Draw shapes over each other, differentiably.

    A shape is where d < 1, with (u, v) the place in its own axes, in units of its radii, and d
    between the norms that make an ellipse and a rectangle of it. Its edge is a sigmoid of d.

    Args:
        shapes: [N, K, 6 + C], standard normal: centre (x, y; the image reaches from -1 to 1),
            angle in units of pi, logarithms of the radii (in half units), squareness, colour.
        background: [N, C], standard normal: colour.
        image_size: (H, W).

    Returns:
        Tensor: Images [N, C, H, W] in [0, 1].
    """
    count, (height, width) = shapes.shape[1], image_size
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=shapes.device),
        torch.linspace(-1, 1, width, device=shapes.device),
        indexing='ij',
    )
    centre_x, centre_y, angle, *radii, square = shapes[:, :, :6, None, None].unbind(2)
    # From 1.35 of half an image to 0.15 of it.
    sizes = torch.linspace(1.28, 0.23, count, device=shapes.device)[:, None, None]
    first, second = (sizes * (radius / 2).clamp(-2, 2).exp() for radius in radii)
    x, y, angle = x - centre_x, y - centre_y, math.pi * angle
    u = (x * angle.cos() + y * angle.sin()) / first
    v = (y * angle.cos() - x * angle.sin()) / second
    square = torch.sigmoid(8 * square)
    ellipse = (u.square() + v.square() + 1e-6).sqrt()
    distance = square * torch.maximum(u.abs(), v.abs()) + (1 - square) * ellipse
    smaller = torch.minimum(first, second).clamp_min(0.1)
    masks = torch.sigmoid(SHARPNESS * (1 - distance) * smaller)
    shades = (0.15 * (u * radii[1] + v * radii[0])).clamp(-0.3, 0.3)
    colours = _colour(shapes[:, :, 6:])
    picture = _colour(background)[:, :, None, None].expand(-1, -1, height, width)
    for k in range(count):
        painted = (colours[:, k, :, None, None] + shades[:, k, None]).clamp(0, 1)
        picture = picture + masks[:, k, None] * (painted - picture)
    return picture


def _colour(normal: Tensor) -> Tensor:
    """Colours [..., C] in (0, 1), rather grey, from standard normal numbers."""
    grey = normal.sum(-1, keepdim=True) / math.sqrt(normal.shape[-1])
    return torch.sigmoid(1.2 * grey + 0.45 * normal)
