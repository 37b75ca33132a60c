"""What a network says of a batch: logits, and what layers returned on the way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.models.observer import Observer

# Differences of outputs, relative to their largest value, that rounding explains.
ROUNDING = 1e-4
# A class with values so many times as large as those of another is no measure for it.
APART = 100


@dataclass(frozen=True)
class NetworkOutput:
    """The output of one pass. Only a task says what the logits mean.

    Attributes:
        logits: [N, K], or [N, K, H, W] of a segmentor.
        features: Name of a layer to what it returned, one entry per call, of the layers that
            were asked for.
    """

    logits: Tensor
    features: dict[str, list[Any]] = field(default_factory=dict)


@contextmanager
def recording(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, list[Any]]]:
    """Record what some layers return inside; no hook stays on the network.

    The layers are looked up by name each time: one that was replaced since the last time, as by
    a conversion to ``SyncBatchNorm``, is recorded in its place. A distributed wrapper may stand
    around the network. What the network changes in place afterwards is recorded as changed.

    Args:
        network: The network.
        layers: Names of layers in it, as in ``network.named_modules()``.

    Returns:
        Iterator: What :attr:`NetworkOutput.features` holds, filled by the passes inside.

    Raises:
        ConfigError: The network has no such layer.
    """
    features: dict[str, list[Any]] = {name: [] for name in layers}
    try:
        recorded = {name: network.get_submodule(name) for name in features}
    except AttributeError as error:
        raise ConfigError(
            f'a loss reads a layer that {type(network).__name__} does not have ({error}); name '
            "another one in the loss's layers"
        ) from error
    handles = [
        layer.register_forward_hook(Observer(_record, features[name]))
        for name, layer in recorded.items()
    ]
    try:
        yield features
    finally:
        for handle in handles:
            handle.remove()


def _record(calls: list[Any], layer: nn.Module, inputs: tuple, output: Any) -> None:
    calls.append(output)


def same_output(a: Tensor, b: Tensor, tolerance: float = ROUNDING) -> bool:
    """Whether two outputs of networks are the same up to rounding.

    Each class (or channel, dimension 1) is compared with others of its magnitude: one that is
    masked by a logit of -10,000 would otherwise hide differences of 1 in the rest.

    Args:
        a: An output of any shape.
        b: The other one, of the same shape.
        tolerance: Largest difference in a class, relative to the largest value in ``b`` of all
            classes that have no values :data:`APART` times as large as its own.
    """
    a, b = _by_class(a), _by_class(b)
    largest = b.abs().amax(0)
    # Not the class alone: where its values happen to be near 0, as sums that cancelled, they
    # are rounded as those of other classes are.
    known = largest.sort()[0]
    scale = known[torch.searchsorted(known, APART * largest, right=True) - 1]
    scale = scale.clamp_min((b.amax(0) - b.amin(0)).median())
    return bool(((a - b).abs().amax(0) <= tolerance * scale).all())


def _by_class(output: Tensor) -> Tensor:
    """[N, K, ...] as rows of K; all else as one column."""
    output = output.float()
    if output.ndim < 2:
        return output.reshape(-1, 1)
    return output.movedim(1, -1).reshape(-1, output.shape[1])
