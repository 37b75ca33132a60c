"""Patch-similarity loss: images whose patches differ, for networks without batch norm."""

import math
import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from ssdkd.checks import check_number
from ssdkd.errors import ConfigError
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.losses.inversion.bn_statistics import has_statistics
from ssdkd.models.layer_inputs import LayerOutputs
from ssdkd.models.program import open_layers
from ssdkd.registry import LOSSES

ATTENTION = re.compile(r'Attention|Attn')
NORM = re.compile(r'(?<!Weight)(?<!Spectral)(?<!Response)Norm(?!al)')
POINTS = 10  # at which a density is evaluated, as in PSAQ-ViT
GRID = 8  # a feature map is pooled to so many positions in height and width
PREFIX = 8  # class and register tokens at most


@LOSSES.register_module()
class PatchSimilarityLoss(BaseInversionLoss):
    r"""Negative entropy of the similarities between the patches of an image.

    .. math:: -\sum_l H_l, \quad H = -\int p(s) \log p(s)\, ds, \quad
        p(s) = \frac{1}{L^2} \sum_{ij} \mathcal{N}(s;\, S_{ij}, h^2), \quad
        S_{ij} = \frac{u_i \cdot u_j}{\|u_i\| \|u_j\|}

    per sample, with the tokens u of the L patches in the output of attention layer l, without
    class and register tokens (PSAQ-ViT, Li et al. 2022, arXiv 2203.02250). Patches of a
    photograph are similar to some others and differ from the rest; those of noise are all
    alike. The integral is the trapezoidal rule with ten points, from the sample's least
    similarity to 1, and p is p + 1e-4, as in PSAQ-ViT's code.

    *choice*: what the layer returns counts, after its last projection, where PSAQ-ViT takes the
    mean over its heads before. So the loss reads any attention module, fused or not. Of a layer
    with windows, H is the mean over the windows of an image.

    *extension*: in a network without attention, the positions of a feature map are the patches,
    averaged to 8x8 positions where there are more. Of all outputs of normalisation layers, or
    of convolutions where there is no normalisation, the last one of each shape counts.

    Args:
        weight (float): Factor of this term. Defaults to 1, as in PSAQ-ViT.
        layers (Sequence[str], optional): Names of layers of the teacher's network whose outputs
            count: tokens [N, L, C] or maps [N, C, H, W]. Defaults to the outermost modules
            whose class has Attention or Attn in its name.
        bandwidth (float): h of the kernel density, above 0. Defaults to 0.05 (*choice*: 0.01 in
            PSAQ-ViT's code is a tenth of the distance between the points, and most
            similarities have no gradient then).

    Raises:
        ConfigError: A value is out of its range; or later, a layer is not in the teacher, or
            none gives two or more patches.
    """

    _outputs: LayerOutputs | None = None

    def __init__(
        self, weight: float = 1.0, layers: Sequence[str] | None = None, bandwidth: float = 0.05
    ):
        super().__init__(weight)
        check_number(self, '(0, inf)', bandwidth=bandwidth)
        self.layers = layers
        self.bandwidth = bandwidth

    def attach(self, teacher: nn.Module) -> None:
        network = getattr(teacher, 'model', teacher)
        names = self._named(network) if self.layers else attention_layers(network)
        self._all_count = bool(names)
        if not names:
            names = _map_layers(network)
            print_log(
                'PatchSimilarityLoss: the teacher has no attention layer; the positions of its '
                'feature maps are the patches',
                'current',
            )
        prefix = 'model.' if network is not teacher else ''
        self._outputs = LayerOutputs(self._key, teacher, [prefix + name for name in names])

    def detach(self) -> None:
        if self._outputs is not None:
            self._outputs.close()

    def forward(self, state: InversionState) -> Tensor:
        n, sides = len(state.images), state.images.shape[2:]
        found = {}
        layers = self._outputs.layers
        for index, (name, output) in enumerate(self._outputs.take()):
            if isinstance(layers[name], nn.MultiheadAttention) and not layers[name].batch_first:
                output = output.transpose(0, 1)
            patches = patch_tokens(output, n, sides)
            if patches is not None:
                found[index if self._all_count else patches.shape[1:]] = patches
        if not found:
            raise ConfigError(
                f"{self._key}: none of the teacher's {len(layers)} layers "
                f"('{next(iter(layers))}', ...) gives two or more patches; name layers that "
                'give tokens [N, L, C] or maps [N, C, H, W] in layers'
            )
        entropies = [
            similarity_entropy(patches, self.bandwidth).view(n, -1).mean(dim=1)
            for patches in found.values()
        ]
        return -torch.stack(entropies).sum(dim=0)

    @property
    def _key(self) -> str:
        return 'losses: PatchSimilarityLoss'

    def _named(self, network: nn.Module) -> list[str]:
        known = dict(network.named_modules())
        for name in self.layers:
            if name not in known:
                raise ConfigError(
                    f"{self._key}: layers names '{name}', which is not in the teacher; "
                    'network.named_modules() lists its layers'
                )
        return list(self.layers)


def attention_layers(network: nn.Module) -> list[str]:
    """Names of the outermost attention modules, known by the names of their classes."""
    names: list[str] = []
    for name, module in network.named_modules():
        kind = getattr(module, 'original_name', type(module).__name__)
        inside = any(name.startswith(f'{outer}.') for outer in names)
        if name and ATTENTION.search(kind) and not inside:
            names.append(name)
    return names


def has_other_norms(network: nn.Module) -> bool:
    """Whether a network has normalisation layers that remember no statistics of the data.

    Such as layer, group, instance and RMS norms.

    Args:
        network (nn.Module): Any network.
    """
    return any(_is_norm(m) and not has_statistics(m) for m in open_layers(network).values())


def patch_tokens(output: Tensor, n: int, sides: Sequence[int]) -> Tensor | None:
    """The patches in the output of a layer.

    Args:
        output: Tokens [M, L, C], where M is n times a number of windows; or maps [n, C, h, w]
            or [n, h, w, C]. Where both readings of a map are possible, the one whose sides have
            the image's ratio is taken.
        n: Images in the batch.
        sides: (H, W) of the images.

    Returns:
        Tensor | None: [M, P, C]; None if there are fewer than two patches, or the output is
        something else.
    """
    if not isinstance(output, Tensor) or not output.is_floating_point() or len(output) % n:
        return None
    if output.ndim == 4 and len(output) == n:
        last = _ratio(output.shape[1:3]) == _ratio(sides) != _ratio(output.shape[2:])
        maps = output.movedim(3, 1) if last else output
        grid = [min(side, GRID) for side in maps.shape[2:]]
        output = F.adaptive_avg_pool2d(maps, grid).flatten(2).transpose(1, 2)
    elif output.ndim == 3 and len(output) == n:
        output = output[:, _prefix(output.shape[1], sides) :]
    return output if output.ndim == 3 and output.shape[1] > 1 else None


def similarity_entropy(patches: Tensor, bandwidth: float) -> Tensor:
    """Entropy [M] of the cosine similarities between patches [M, P, C]."""
    unit = F.normalize(patches.float(), dim=2)
    count = unit.shape[1]
    rows, columns = torch.triu_indices(count, count, offset=1, device=unit.device)
    with torch.autocast(unit.device.type, enabled=False):  # bfloat16 has steps of 0.004 at 1
        similarities = (unit @ unit.mT)[:, rows, columns]
    least = similarities.detach().amin(dim=1, keepdim=True)
    points = torch.linspace(0, 1, POINTS, device=unit.device)
    points = least + (1 - least) * points  # [M, 10]
    factor = 1 / (math.sqrt(2 * math.pi) * bandwidth)
    # Each pair counts twice, and each patch once with itself.
    others = torch.stack(
        [
            _kernel(similarities - point[:, None], bandwidth).sum(1)
            for point in points.unbind(1)
        ],
        dim=1,
    )
    density = factor / count**2 * (2 * others + count * _kernel(1 - points, bandwidth)) + 1e-4
    return torch.trapezoid(-density * density.log(), points, dim=1)


def _kernel(distance: Tensor, bandwidth: float) -> Tensor:
    return torch.exp(-0.5 * (distance / bandwidth).square())


def _map_layers(network: nn.Module) -> list[str]:
    """Names of the normalisation layers, or of the convolutions where there are none."""
    modules = dict(network.named_modules())
    names = [name for name, m in modules.items() if _is_norm(m)]
    names = names or [name for name, m in modules.items() if isinstance(m, _ConvNd)]
    if not names:
        raise ConfigError(
            'losses: PatchSimilarityLoss finds no attention, no normalisation and no '
            'convolution in the teacher; name layers in layers'
        )
    return names


def _is_norm(module: nn.Module) -> bool:
    """By its class, or by the class's name if it holds no other module."""
    if isinstance(module, _NormBase | nn.GroupNorm | nn.LayerNorm):
        return True
    is_leaf = not any(True for _ in module.children())
    return is_leaf and (has_statistics(module) or bool(NORM.search(type(module).__name__)))


def _ratio(sides: Sequence[int]) -> tuple[int, int]:
    divisor = math.gcd(*sides)
    return sides[0] // divisor, sides[1] // divisor


def _prefix(length: int, sides: Sequence[int]) -> int:
    """Tokens before the patches: what is left of the largest grid of the image's ratio."""
    height, width = _ratio(sides)
    factor = math.isqrt(length // (height * width))
    rest = length - factor**2 * height * width
    return rest if rest <= PREFIX else 0
