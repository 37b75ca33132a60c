"""A generator whose stages undo those of the teacher."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.losses.inversion.bn_statistics import has_statistics
from ssdkd.models.layer_inputs import LayerInputs


@dataclass(frozen=True)
class Map:
    """Shape of the features that enter a layer of the teacher.

    Attributes:
        layer: Its name.
        channels: C.
        size: (H, W).
    """

    layer: str
    channels: int
    size: tuple[int, int]


class CoupledGenerator(nn.Module):
    """Maps latents to images through maps that have the shapes of the teacher's features.

    A linear layer and a batch norm make the deepest map. Each stage then enlarges its map to
    the size of the next one (nearest neighbour) and convolves it to its channels, with a 3x3
    convolution, a batch norm and LeakyReLU 0.2; the last stage ends in a sigmoid. The layers
    are those of the authors' ``CoupledGenerator`` (github.com/LannCX/CPNet).

    Args:
        latent_dim (int): Z.
        maps (Sequence[Map]): Of the teacher, the deepest first.
        image_size (tuple[int, int]): (H, W) of the images.
    """

    def __init__(self, latent_dim: int, maps: Sequence[Map], image_size: tuple[int, int]):
        super().__init__()
        self.latent_dim = latent_dim
        first = maps[0]
        self.shape = (first.channels, *first.size)
        self.linear = nn.Linear(latent_dim, first.channels * first.size[0] * first.size[1])
        self.norm = nn.BatchNorm2d(first.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(size=after.size),
                nn.Conv2d(before.channels, after.channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(after.channels),
                nn.LeakyReLU(0.2),
            )
            for before, after in zip(maps, maps[1:])
        )
        self.to_image = nn.Sequential(
            nn.Upsample(size=image_size),
            nn.Conv2d(maps[-1].channels, 3, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, latents: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map latents [N, Z] to images [N, 3, H, W] in [0, 1] and maps, the deepest first."""
        maps = [self.norm(self.linear(latents).unflatten(1, self.shape))]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return self.to_image(maps[-1]), maps


def stage_norms(teacher: nn.Module) -> list[str]:
    """Names of the last batch norm of each stage of a network, the deepest first.

    A stage is a child that has batch norms in it, such as layer1 to layer3 or block1 to block3;
    wrappers with a single such child are looked into.

    Raises:
        ConfigError: There is none.
    """
    network, prefix = teacher, ''
    while True:
        stages = {
            name: [n for n, layer in child.named_modules() if n and has_statistics(layer)]
            for name, child in network.named_children()
        }
        stages = {name: norms for name, norms in stages.items() if norms}
        if len(stages) != 1:
            break
        (name,) = stages
        network, prefix = getattr(network, name), f'{prefix}{name}.'
    if not stages:
        raise ConfigError(
            'model.synthesizer.nodes: the teacher has no stages with batch norms; name the '
            'layers whose inputs the generator is to have as its maps, the deepest first'
        )
    return [f'{prefix}{name}.{norms[-1]}' for name, norms in reversed(stages.items())]


def measure_maps(
    teacher: nn.Module, nodes: Sequence[str], image_size: tuple[int, int]
) -> list[Map]:
    """Shapes of what enters some layers of the teacher.

    Args:
        teacher: The network, in evaluation mode.
        nodes: Names of layers, the deepest first.
        image_size: (H, W) of its images.

    Raises:
        ConfigError: It has no such layer, or what enters it is no map [N, C, H, W].
    """
    known = dict(teacher.named_modules())
    for name in nodes:
        if name not in known:
            raise ConfigError(
                f"model.synthesizer.nodes: the teacher has no layer '{name}'; "
                f'its layers are {", ".join(n for n in known if n)}'
            )
    inputs = LayerInputs('CPNetSynthesizer', teacher, nodes)
    device = next(teacher.parameters()).device
    with torch.enable_grad():
        teacher(torch.zeros(1, 3, *image_size, device=device))
    shapes = {name: x.shape for name, x in inputs.take()}
    inputs.close()
    for name, shape in shapes.items():
        if len(shape) != 4:
            raise ConfigError(
                f"model.synthesizer.nodes: what enters '{name}' has shape {list(shape)}, not "
                '[N, C, H, W]; name a layer of feature maps'
            )
    return [Map(name, shapes[name][1], tuple(shapes[name][2:])) for name in nodes]
