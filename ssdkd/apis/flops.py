"""Cost of networks: parameters, multiply-adds, activations."""

import copy
import logging
import warnings
from dataclasses import dataclass

import torch
from mmengine.config import Config
from torch import Tensor, nn

from ssdkd.apis.networks import members, network_roles
from ssdkd.distillers.parts import with_channels
from ssdkd.errors import ConfigError
from ssdkd.generators import build_generator
from ssdkd.mmseg import without_pretrained
from ssdkd.models import Network, channels_of
from ssdkd.registry import MODELS


@dataclass(frozen=True)
class Cost:
    """Of one image.

    Attributes:
        parameters: Number of trained values.
        flops: Multiply-adds, as fvcore counts them: one for each multiplication and the
            addition after it; elementwise operations are left out.
        activations: Values that convolutions and matrix products return.
        uncounted: Operations that fvcore has no count for.
    """

    parameters: int
    flops: int
    activations: int
    uncounted: tuple[str, ...] = ()


class Logits(nn.Module):
    """A plain network that returns its logits alone, which tracing asks for."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network.model
        self.reader, self.channels = network.reader, network.channels

    def forward(self, images: Tensor) -> Tensor:
        return self.reader(self.network(images), images)


def count(network: nn.Module, inputs: tuple[Tensor, ...]) -> Cost:
    """Count the cost of one call, in evaluation mode.

    Raises:
        ConfigError: fvcore is missing.
    """
    try:
        from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis
    except ImportError as error:
        raise ConfigError(
            "counting FLOPs needs fvcore; run pip install 'ssdkd[analysis]'"
        ) from error
    network.eval()
    logging.getLogger('fvcore.nn.jit_analysis').setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # of torch.jit, about shapes that become fixed
        network(*inputs)  # the log says what is taken as logits; in a trace there are no shapes
        flops = FlopCountAnalysis(network, inputs).unsupported_ops_warnings(False)
        activations = ActivationCountAnalysis(network, inputs).unsupported_ops_warnings(False)
        return Cost(
            parameters=sum(p.numel() for p in network.parameters()),
            flops=int(flops.total()),
            activations=int(activations.total()),
            uncounted=tuple(sorted(flops.unsupported_ops())),
        )


def costs(cfg: Config, size: tuple[int, int]) -> dict[str, Cost]:
    """Costs of all networks and, if the method has one, the generator; weights are random.

    Args:
        cfg: Config of a distillation.
        size: (H, W) of the images; the generator's is its own.
    """
    networks = {role: _network(cfg, role) for role in network_roles(cfg)}
    teacher = networks['teacher']
    channels = teacher.channels if isinstance(teacher, Logits) else channels_of(teacher)
    image = torch.zeros(1, channels, *size)
    found = {role: count(network, (image,)) for role, network in networks.items()}
    synthesizer = with_channels(copy.deepcopy(cfg.model.get('synthesizer') or {}), channels)
    if synthesizer.get('generator'):
        built = build_generator(synthesizer['generator'])
        labels = torch.zeros(1, dtype=torch.long)
        found['generator'] = count(built, (torch.zeros(1, built.latent_dim), labels))
    return found


def table(found: dict[str, Cost]) -> str:
    """The costs as a table, with each student as a share of the teacher."""
    names = ('parameters', 'flops', 'activations')
    lines = [['', 'parameters', 'FLOPs per image', 'activations per image']]
    for role, cost in found.items():
        lines.append([role, *(_short(getattr(cost, name)) for name in names)])
    teacher = found['teacher']
    for role in [role for role in found if role not in ('teacher', 'generator')]:
        shares = [100 * getattr(found[role], n) / getattr(teacher, n) for n in names]
        lines.append([f'{role} / teacher', *(f'{share:.1f} %' for share in shares)])
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )


def _network(cfg: Config, role: str) -> nn.Module:
    """The plain network of a role, or an ensemble as a whole; no weights are read."""
    part, key = copy.deepcopy(cfg.model[role]), f'model.{role}'
    found = dict(members(part, key))
    for member in found.values():
        member.pop('checkpoint', None)
        member.pop('checkpoint_key', None)
        member.model = _without_weights(member.model)
    if not found:
        raise ConfigError(
            f'{key} is a {part.get("type")} without the config of a network (a key model), so '
            'what it costs cannot be counted; count its parts one by one'
        )
    if key in found:
        part.update(type='Network', model=MODELS.build(part.model))
        network = Logits(MODELS.build(part))
        network.reader.name = key
        return network
    for member in found.values():  # as a module, which a Teacher takes without a checkpoint
        member.model = MODELS.build(member.model)
    return MODELS.build(part)


def _without_weights(model: dict) -> dict:
    model = without_pretrained(model)
    if model.get('type') == 'timm':
        model['pretrained'] = False
    if model.get('type') == 'torchvision':
        model.pop('weights', None)
        model.pop('weights_backbone', None)
    return model


def _short(number: int) -> str:
    for unit, factor in (('G', 1e9), ('M', 1e6), ('k', 1e3)):
        if number >= factor:
            return f'{number / factor:.4g} {unit}'
    return str(number)
