"""A frozen network without its batch norms, for passes that need nothing but its answers."""

from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ssdkd.models.layer_inputs import is_compiled
from ssdkd.models.output import same_output

# Exact types: a subclass may do more with its weights.
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Folding:
    r"""A copy of a frozen network, its batch norms folded into the convolutions before them.

    A batch norm in evaluation mode is an affine map of each channel. With statistics
    :math:`\mu, \sigma^2` and parameters :math:`\gamma, \beta`, the convolution with weights
    :math:`W \gamma / \sigma` and bias :math:`\beta + (b - \mu) \gamma / \sigma` gives what both
    layers gave, and spares a pass through memory. The copy answers as the network does, up to
    rounding; it has no batch norms to observe.

    Args:
        network (nn.Module): A network in evaluation mode, without hooks.
        pairs (Sequence[tuple[str, str]]): Names of a convolution and of the batch norm that
            takes its output.

    Attributes:
        network: The copy.
    """

    def __init__(self, network: nn.Module, pairs: Sequence[tuple[str, str]]):
        self.pairs = pairs
        self.network = deepcopy(network)
        for conv, norm in pairs:
            layer = self.network.get_submodule(conv)
            layer.bias = nn.Parameter(layer.weight.new_zeros(len(layer.weight)), False)
            layer = self.network.get_submodule(norm)
            after = (layer.drop, layer.act) if _has_activation(layer) else ()
            self.network.set_submodule(norm, nn.Sequential(*after))
        self.update(network)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take over the weights that the network has now."""
        state = network.state_dict()

        def on_cpu(name: str) -> Tensor | None:
            # A new run folds on the CPU, a resumed one where it runs, which rounds otherwise.
            return state[name].cpu() if name in state else None

        for conv, norm in self.pairs:
            state[f'{conv}.weight'], state[f'{conv}.bias'] = fuse_conv_bn_weights(
                on_cpu(f'{conv}.weight'),
                on_cpu(f'{conv}.bias'),
                on_cpu(f'{norm}.running_mean'),
                on_cpu(f'{norm}.running_var'),
                network.get_submodule(norm).eps,
                on_cpu(f'{norm}.weight'),
                on_cpu(f'{norm}.bias'),
            )
        self.network.load_state_dict(state, strict=False)  # it has no batch norms


def fold(
    network: nn.Module,
    images: Tensor,
    run: Callable[[nn.Module, Tensor], Sequence[Tensor]],
) -> Folding | None:
    """Fold the batch norms of a network that allows it.

    Args:
        network: A network in evaluation mode.
        images: Images [N, C, H, W] in [0, 1], by which it is tried.
        run: Gives all outputs that are needed of a network for some images.

    Returns:
        Folding: None where there is nothing to fold, or the copy would answer otherwise; also
        if the network is compiled, has hooks, which would not see the passes of the copy, or
        cannot be copied.
    """
    if any(
        m._forward_hooks or m._forward_pre_hooks or is_compiled(m) for m in network.modules()
    ):
        return None
    try:
        pairs = foldable(network, lambda: run(network, images.clone().requires_grad_()))
        if not pairs:
            return None
        folding = Folding(network, pairs)
        with torch.no_grad():
            outputs = zip(run(folding.network, images), run(network, images), strict=True)
            same = all(same_output(copied, output) for copied, output in outputs)
    except Exception:  # of the user's own code: it may ask for the weight of a batch norm
        return None
    return folding if same else None


def foldable(network: nn.Module, run: Callable[[], Sequence[Tensor]]) -> list[tuple[str, str]]:
    """Names of the convolutions whose output a batch norm takes and nothing else, and of it.

    Args:
        network: A network in evaluation mode.
        run: Runs it once, for images that require gradients, and gives its outputs.
    """
    made: dict[Node, str] = {}
    pairs: dict[Node, tuple[str, str]] = {}
    calls: Counter[str] = Counter()

    def watch(name: str, layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        calls[name] += 1
        if type(layer) in CONVOLUTIONS:
            made[output.grad_fn] = name
        elif inputs and inputs[0].grad_fn in made and layer.running_mean is not None:
            pairs[inputs[0].grad_fn] = made[inputs[0].grad_fn], name

    handles = [
        layer.register_forward_hook(partial(watch, name))
        for name, layer in network.named_modules()
        if type(layer) in (*CONVOLUTIONS, *BATCH_NORMS) or _has_activation(layer)
    ]
    try:
        with torch.enable_grad():
            uses = _uses([output.grad_fn for output in run()])
    finally:
        for handle in handles:
            handle.remove()
    return [
        pair
        for node, pair in pairs.items()
        if uses[node] == 1 and all(calls[name] == 1 for name in pair)
    ]


def _uses(outputs: Sequence[Node | None]) -> Counter[Node]:
    """How often each node of an autograd graph is used, as an output or by another node."""
    uses: Counter[Node] = Counter()
    queue = list(outputs)
    while queue:
        node = queue.pop()
        if node is None:
            continue
        uses[node] += 1
        if uses[node] == 1:
            queue += [used for used, _ in node.next_functions]
    return uses


def _has_activation(layer: nn.Module) -> bool:
    """Whether it is timm's batch norm with an activation; timm takes a second to import."""
    return type(layer).__name__ == 'BatchNormAct2d'
