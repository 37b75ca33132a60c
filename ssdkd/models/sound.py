"""Check of a trained network's weights."""

from torch import nn
from torch.nn.parameter import is_lazy

from ssdkd.errors import ConfigError

STATISTICS = ('running_mean', 'running_var')


def check_weights(network: nn.Module, source: str) -> None:
    """Check that all weights and batch-norm statistics are finite, and no variance negative.

    Other buffers are left alone: the masks of some networks are infinite on purpose.

    Args:
        network (nn.Module): The plain network.
        source (str): Where its weights come from, for the message.

    Raises:
        ConfigError: One is not; its key and the value are named.
    """
    statistics = [(n, b) for n, b in network.named_buffers() if n.endswith(STATISTICS)]
    for name, tensor in [*network.named_parameters(), *statistics]:
        if is_lazy(tensor) or not tensor.is_floating_point():
            continue
        wrong = ~tensor.isfinite()
        if name.endswith('running_var'):
            wrong |= tensor < 0
        if wrong.any():
            raise ConfigError(
                f"{source}: '{name}' holds {tensor[wrong][0].item():g}, which no trained "
                'network does: the weights are damaged, or the network had diverged before '
                'they were saved; take an earlier checkpoint, or a new copy'
            )
