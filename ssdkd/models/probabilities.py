"""Networks of labels, or of one logit, that end in a sigmoid: logits of their probabilities."""

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from ssdkd.models.layer_inputs import uncompiled

# Beginnings of the names of nodes in a graph: what gives probabilities ...
SIGMOIDS = ('Sigmoid', 'Softmax')
# ... and what keeps them probabilities after it.
SHAPES = (
    *('Alias', 'Cat', 'Clamp', 'Clone', 'Expand', 'Permute', 'Reshape', 'ReshapeAlias'),
    *('Select', 'Slice', 'Split', 'Squeeze', 'Stack', 'T', 'ToCopy', 'Transpose', 'Unbind'),
    *('UnsafeView', 'Unsqueeze', 'View'),
)


def log_odds(p: Tensor) -> Tensor:
    r""":math:`\log(p / (1 - p))`, of p as near to 0 and 1 as float32 tells apart."""
    return torch.logit(p.float(), torch.finfo(torch.float32).eps)


def ends_in_sigmoid(network: nn.Module, images: Tensor) -> bool:
    """Whether all that a network returns comes from a sigmoid, or from a softmax.

    That is read in the graph of a pass and not in the values: small logits, as an untrained
    network gives, may all lie between 0 and 1, too.

    Args:
        network: In evaluation mode.
        images: Any that it takes, [N, C, H, W], on its device.
    """
    images = images.clone().requires_grad_()
    # TorchScript that has run before would give one node for all its operators.
    plain = torch.jit.optimized_execution(False)
    try:
        with torch.enable_grad(), uncompiled(network), plain:
            output = network(images)
    except Exception:  # of the user's own code, which plain passes name
        return False
    return isinstance(output, Tensor) and _is_sigmoid(output.grad_fn)


def _is_sigmoid(node: Node | None) -> bool:
    name = type(node).__name__.split('Backward')[0]
    if name not in SHAPES:
        return name in SIGMOIDS
    return all(_is_sigmoid(before) for before, _ in node.next_functions)
