"""Checks of a teacher before the first round: what it does with random images.

Each check returns one line per finding, and nothing if all is well. They run a few passes, and
change no weight, no statistic and no random state.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssdkd.losses import has_statistics
from ssdkd.models import Network, channels_of, device_of, has_program
from ssdkd.models.layer_inputs import uncompiled
from ssdkd.models.output import same_output
from ssdkd.runs import random_state, set_random_state
from ssdkd.tasks import BaseTask
from ssdkd.user_code import describe_error
from ssdkd.words import count

# Image sizes that networks are made for.
SIZES = (*range(8, 64, 2), *range(64, 513, 16), 75, 100, 112, 150, 200, 227, 299, 300, 331)
# And others: small, so that asking for all of them takes no time. First squares, then those of
# half the height or width.
RARE_SIZES = (*range(9, 64, 2), *range(66, 128, 2))
LONG_SIZES = tuple((a, b) for s in range(8, 129, 8) for a, b in ((s, 2 * s), (2 * s, s)))
PIXELS = 64 * 32 * 32  # of all probes together: small images are cheap


@torch.no_grad()
def check_up(network: nn.Module, size: Sequence[int], task: BaseTask) -> tuple[list[str], str]:
    """Examine a trained network on random images.

    Args:
        network: A teacher: images [N, C, H, W] in [0, 1] to logits.
        size: (H, W) of the images.
        task: What the logits mean.

    Returns:
        tuple: The findings, one line each, and a line about what was looked at.
    """
    with untouched(network), uncompiled(network):
        images = probe_images(size, device_of(network), channels_of(network))
        try:
            with called_layers(network) as called:
                logits = network(images)
        except Exception as error:  # of the user's own code
            shape = list(images.shape)
            return [f'its forward fails for shape {shape} with {describe_error(error)}'], ''
        if not (isinstance(logits, Tensor) and logits.ndim > 1 and logits.is_floating_point()):
            return [], 'outputs of this form are not examined'
        distances = to_prediction(logits, task)
        findings = [
            *unset_normalisation(network),
            *probabilities(network),
            *bounded(logits),
            *uncalled_statistics(network, called),
            *unstable(network, images, logits),
            *constant(logits),
            *unreachable(distances),
        ]
    low, high = logits.min().item(), logits.max().item()
    reached, classes = int((distances == 0).any(0).sum()), distances.shape[1]
    kind = 'labels' if task.cases == 'labels' else 'classes'
    looked = (
        f'{count(len(images), "random image")}: {reached} of {classes} {kind} predicted, '
        f'logits from {low:.3g} to {high:.3g}'
    )
    return findings, looked


def report(role: str, findings: list[str], looked: str | None) -> str:
    """The block of a log about one network: one line if there are no findings.

    Args:
        role: Name of the network.
        findings: From :func:`check_up`.
        looked: Likewise, or None.
    """
    head = f'Check-up of the {role}' + f'  {looked}' * bool(looked)
    return '\n  - '.join([head, *findings]) if findings else f'{head}; nothing found'


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Restore all random states and the buffers of a network afterwards."""
    before, buffers = random_state(), {n: b.clone() for n, b in network.named_buffers()}
    try:
        yield
    finally:
        set_random_state(before)
        for name, buffer in network.named_buffers():
            if not torch.equal(buffer, buffers[name]):
                buffer.copy_(buffers[name])


def probe_images(
    size: Sequence[int], device: torch.device | str = 'cpu', channels: int = 3
) -> Tensor:
    """Random images in [0, 1], [N, C, H, W]: uniform noise and smooth images by turns.

    A smooth image is a grid of 2x2 to 8x8 random colours, enlarged. N is even and between 4
    and 64, fewer for large images. They are the same in each call.
    """
    height, width = size
    n = max(4, min(64, PIXELS // (height * width))) // 2 * 2
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(n, channels, height, width, generator=rng)
    for i in range(1, n, 2):
        cells = 2 ** (1 + i // 2 % 3)
        grid = torch.rand(1, channels, cells, cells, generator=rng)
        smooth = F.interpolate(grid, (height, width), mode='bilinear', align_corners=True)
        images[i] = smooth[0]
    return images.to(device)


@contextmanager
def called_layers(network: nn.Module) -> Iterator[set[str] | None]:
    """Names of the layers with running statistics that are called inside; None if unknown.

    A program takes no hooks.
    """
    if has_program(network):
        yield None
        return
    called: set[str] = set()
    handles = [
        layer.register_forward_pre_hook(lambda *_, name=name: called.add(name))
        for name, layer in network.named_modules()
        if has_statistics(layer)
    ]
    try:
        yield called
    finally:
        for handle in handles:
            handle.remove()


def unset_normalisation(network: nn.Module) -> list[str]:
    """Neither config nor library states mean or std, so that they are 0 and 1."""
    found = []
    for part in (m for m in network.modules() if isinstance(m, Network) and m.unset):
        known = getattr(part.model, 'pretrained_cfg', None) or {}  # timm's
        advice = 'set them, to 0 and 1 if this is right'
        if known.get('mean') and known.get('std'):
            advice += (
                f"; timm's pretrained weights of this network have mean={list(known['mean'])} "
                f'and std={list(known["std"])}'
            )
        found.append(
            f'{" and ".join(part.unset)} not set: images enter as they are, in [0, 1]. If the '
            'training normalised its images, the teacher predicts badly, and so will the '
            f'student, in one case 27 % instead of 81 %; {advice}'
        )
    return found


def is_probability(output: Tensor) -> bool:
    """Whether outputs are probabilities: all in [0, 1], and sum 1 over the classes.

    Args:
        output: [N, K, ...].
    """
    if not isinstance(output, Tensor) or output.ndim < 2 or not output.is_floating_point():
        return False
    sums = output.float().sum(1)
    in_range = output.min() >= 0 and output.max() <= 1 + 1e-3
    return bool(in_range and (sums - 1).abs().max() <= 1e-3)


@torch.no_grad()
def take_logits(network: nn.Module, size: Sequence[int], task: BaseTask) -> None:
    """Let a network whose outputs are probabilities give logits from now on.

    Args:
        network: In evaluation mode. An ensemble, which is no ``Network``, stays as it is.
        size: (H, W) of the images that it takes.
        task: What its outputs mean.
    """
    if not isinstance(network, Network):
        return
    if task.exclusive:
        images = probe_images(size, device_of(network), network.channels)
        network.gives_probabilities = is_probability(network(images))
    else:
        network.take_log_odds(size)


def probabilities(network: nn.Module) -> list[str]:
    r"""Outputs are probabilities p, as of a softmax; their logarithm stands for the logits.

    :math:`\mathrm{softmax}(\log p / T) = \mathrm{softmax}(z / T)` for
    :math:`p = \mathrm{softmax}(z)` and each temperature T: log p and z differ by a constant. Of
    a sigmoid, the logits are :math:`z = \log(p / (1 - p))`.
    """
    parts = [m for m in network.modules() if isinstance(m, Network)]
    if any(part.gives_sigmoids for part in parts):
        return [
            'outputs are probabilities, as of a sigmoid at the end: log(p / (1 - p)) is used '
            'as logits'
        ]
    if not any(part.gives_probabilities for part in parts):
        return []
    return [
        'outputs are probabilities, as of a softmax at the end: their logarithm is used as '
        'logits'
    ]


def bounded(logits: Tensor) -> list[str]:
    """Outputs all lie in [0, 1], as those of a sigmoid do, or of a softmax in an ensemble."""
    if logits.min() < 0 or logits.max() > 1 or logits.max() == logits.min():
        return []
    return [
        'all outputs are in [0, 1], as of a sigmoid or softmax at the end: remove it, as '
        'the losses need logits'
    ]


def uncalled_statistics(network: nn.Module, called: set[str] | None) -> list[str]:
    """Layers with running statistics that a pass does not call: no loss can use them."""
    if called is None:
        return []
    names = [n for n, m in network.named_modules() if has_statistics(m) and n not in called]
    if not names:
        return []
    first = ', '.join(names[:3]) + ', ...' * (len(names) > 3)
    if not called:
        return [
            f'no batch norm is called as a module in a pass ({first}): the teacher counts as '
            'one without; call them in forward, or take --method ssdkd_without_bn, which '
            'distill() does by itself'
        ]
    return [
        f'{count(len(names), "batch norm")} not called as a module in a pass ({first}): the '
        'batch-norm term leaves them out; remove them, or call them in forward'
    ]


def unstable(network: nn.Module, images: Tensor, logits: Tensor) -> list[str]:
    r"""Outputs of an image change though the image does not.

    The second half of the images runs again, first and beside other ones:
    :math:`f([a, b])_b \neq f([b, a'])_b`. So no image keeps its place, also not the first or
    last of the batch, which may be all that a wrong attention reads. If :math:`f([a, b])`
    itself does not repeat, the network draws random numbers, as an active dropout does.
    Otherwise it depends on the batch.
    """
    half = len(images) // 2
    other = torch.cat([images[half:], 1 - images[:half]])
    if same_output(network(other)[:half], logits[half:]):
        return []
    if same_output(network(images), logits):
        return [
            'the outputs of an image change with the other images of its batch: the student '
            'learns noise; let all layers use running statistics in evaluation mode'
        ]
    active = [
        name
        for name, m in network.named_modules()
        if isinstance(m, nn.modules.dropout._DropoutNd) and m.training
    ]
    named = f' ({", ".join(active[:3])})' if active else ''
    return [
        f'two passes of the same images differ: a dropout{named} or other random layer is '
        'active in evaluation mode; the student learns its noise'
    ]


def constant(logits: Tensor) -> list[str]:
    """All images have the same outputs."""
    if not same_output(logits, logits[:1].expand_as(logits), 1e-6):
        return []
    return [
        'all images have the same outputs: check the weights, mean and std; a student learns '
        'one class from it'
    ]


def to_prediction(logits: Tensor, task: BaseTask) -> Tensor:
    r"""How far each logit is from being predicted, [images or pixels, K], 0 where it is.

    :math:`g_k = \max_j z_j - z_k` of a class, and :math:`g_k = \max(0, -z_k)` of a label.
    """
    if task.cases == 'labels':
        return F.relu(-logits.float())
    z = _per_class(task.outcomes(logits.float()))
    return z.max(1, keepdim=True)[0] - z


def unreachable(g: Tensor) -> list[str]:
    r"""Classes that random images do not come near.

    Those with :math:`\bar g_k > 10 + 10 \, \sigma(g_k)` over all images (and pixels): such a
    distance is no accident of the images. It is that of a class without training data, or one
    that is masked.

    Args:
        g: [N, K], of :func:`to_prediction`.
    """
    far = (g.mean(0) > 10 + 10 * g.std(0)).nonzero().flatten().tolist()
    if not far:
        return []
    classes, first = count(len(far), 'class'), ', '.join(map(str, far[:5]))
    first += ', ...' * (len(far) > 5)
    return [
        f'{classes} out of reach for random images ({first}): the student learns nothing '
        'about them; check num_classes and the last layer'
    ]


def nearest_size(
    runs: Callable[[tuple[int, int]], bool], size: Sequence[int]
) -> int | tuple[int, int] | None:
    """The image size nearest to ``size`` for which a network runs; None if none is found.

    The side of a square, or (H, W) if only an image of another form is found.

    Args:
        runs: Whether the network runs on images of (H, W) pixels.
        size: (H, W) for which it does not.
    """
    for group in (SIZES, RARE_SIZES):
        sides = sorted(group, key=lambda side: abs(side - max(size)))
        if found := next((side for side in sides if runs((side, side))), None):
            return found
    pairs = sorted(LONG_SIZES, key=lambda pair: abs(pair[0] - size[0]) + abs(pair[1] - size[1]))
    return next((pair for pair in pairs if runs(pair)), None)


def _per_class(logits: Tensor) -> Tensor:
    """[N, K, ...] as rows of K, one per image or pixel."""
    return logits.float().movedim(1, -1).reshape(-1, logits.shape[1])
