"""Synchronised batch norms, made plain ones for a single process or a CPU."""

from mmengine.model import revert_sync_batchnorm
from torch import nn


def without_synchronised(network: nn.Module) -> nn.Module:
    """A network with plain batch norms in place of synchronised ones; names and values stay.

    mmengine's function makes a plain batch norm of every subclass, too, and so drops what else
    it does. Here timm's with an activation becomes timm's plain one, and other subclasses with
    a ``forward`` of their own stay as they are.

    Args:
        network (nn.Module): Changed in place, unless it is such a layer itself.
    """
    named = list(network.named_modules(remove_duplicate=False))
    own = {id(m): _plain(m) for _, m in named if _does_more(m)}
    if id(network) in own:
        return own[id(network)]
    network = revert_sync_batchnorm(network)
    for name, layer in named:
        if id(layer) in own:
            network.set_submodule(name, own[id(layer)])
    return network


def _does_more(layer: nn.Module) -> bool:
    return (
        isinstance(layer, nn.SyncBatchNorm)
        and type(layer).forward is not nn.SyncBatchNorm.forward
    )


def _plain(layer: nn.SyncBatchNorm) -> nn.Module:
    """Timm's ``BatchNormAct2d`` for its ``SyncBatchNormAct``, which subclasses torch's."""
    if f'{type(layer).__module__}.{type(layer).__name__}' != (
        'timm.layers.norm_act.SyncBatchNormAct'
    ):
        return layer
    from timm.layers import BatchNormAct2d

    plain = BatchNormAct2d(
        layer.num_features,
        layer.eps,
        layer.momentum,
        layer.affine,
        layer.track_running_stats,
        apply_act=False,
    )
    tensors = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
    for name in (*tensors, *(part for part in ('drop', 'act') if hasattr(layer, part))):
        setattr(plain, name, getattr(layer, name))
    return plain.train(layer.training)
