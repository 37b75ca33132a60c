"""Changes of a user's network without which it cannot train here."""

import torch
from mmengine.device import get_device
from mmengine.logging import print_log
from torch import nn

from ssdkd.models.program import wrap_programs
from ssdkd.synchronised import without_synchronised


def prepared(model: nn.Module) -> nn.Module:
    """The network itself, in a form that runs in one process on any device.

    - ``nn.DataParallel`` is removed: it would take all GPUs for itself.
    - Synchronised batch norms become plain ones on a CPU, where they cannot run in several
      processes. Names and values stay.
    - TorchScript and exported programs become a :class:`Program`.
    - Floating-point weights and buffers become float32; the log says so.

    Args:
        model (nn.Module): The network, changed in place.
    """
    if isinstance(model, nn.DataParallel):
        model = model.module
    model = wrap_programs(model)
    synchronised = any(isinstance(m, nn.SyncBatchNorm) for m in model.modules())
    if synchronised and get_device() == 'cpu':
        model = without_synchronised(model)
    tensors = [*model.parameters(), *model.buffers()]
    kinds = {t.dtype for t in tensors if t.is_floating_point()} - {torch.float32}
    if kinds:
        names = ' and '.join(sorted(str(kind).removeprefix('torch.') for kind in kinds))
        print_log(
            f'{type(model).__name__} has {names} weights, which are cast to float32; '
            "model.autocast='bfloat16' computes in mixed precision",
            'current',
        )
        model = model.float()
    return model
