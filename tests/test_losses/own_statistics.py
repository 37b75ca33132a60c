"""Give the batch norms of a network the statistics of a batch, without the loss's own code."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def remember(network: nn.Module, images: Tensor) -> list[str]:
    """Set the statistics of each batch norm to those of its own input, as it is called.

    So each layer's input has passed the final statistics of the layers before it. Holds for
    layers that are called once.

    Returns:
        list: Names of the layers that were called.
    """
    called, handles = [], []

    def adopt(name, layer, x):
        values = x.double().transpose(0, 1).flatten(1)
        layer.running_mean.copy_(values.mean(1))
        layer.running_var.copy_(values.var(1, correction=0))
        called.append(name)

    for name, layer in network.named_modules():
        if getattr(layer, 'running_mean', None) is not None:
            hook = lambda layer, inputs, name=name: adopt(name, layer, inputs[0])  # noqa: E731
            handles.append(layer.register_forward_pre_hook(hook))
    network(images)
    for handle in handles:
        handle.remove()
    assert called and len(set(called)) == len(called)
    return called


@torch.no_grad()
def size(network: nn.Module, called: list[str]) -> float:
    """What the distance is measured against: the norms of all statistics, added up."""
    layers = [network.get_submodule(name) for name in called]
    return sum(float(m.running_mean.norm() + m.running_var.norm()) for m in layers)
