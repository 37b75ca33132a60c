"""Distributed data parallelism for a model with two optimizers."""

import torch
from mmengine.device import get_device
from mmengine.model import MMDistributedDataParallel
from torch import nn

from ssdkd.registry import MODEL_WRAPPERS


def join_processes(launcher: str) -> None:
    """Let processes without an accelerator meet, which mmengine's Runner cannot.

    Its own start chooses a CUDA device for each process. With one, or without a launcher,
    nothing is done here; Slurm and MPI are left to mmengine.

    Args:
        launcher (str): How the processes were started.
    """
    if launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')


@MODEL_WRAPPERS.register_module()
class DistributedDistiller(nn.Module):
    """Wraps the student and what the synthesizer trains, each in its own DDP.

    One DDP around the whole distiller would wait, in a generator step, for gradients that
    the frozen student never gets, and the reverse. Chosen by ``tools/train.py --launcher``.

    Args:
        module (nn.Module): The distiller.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module.to(get_device())
        module.student = self._wrap(module.student)
        for name, part in list(module.synthesizer.named_children()):
            if any(p.requires_grad for p in part.parameters()):
                setattr(module.synthesizer, name, self._wrap(part))

    @staticmethod
    def _wrap(network: nn.Module) -> nn.Module:
        devices = [torch.cuda.current_device()] if torch.cuda.is_available() else None
        # The statistics of batch norm are averaged over more steps than ranks: each rank
        # keeps its own, as is usual, and rank 0's are saved.
        return MMDistributedDataParallel(network, device_ids=devices, broadcast_buffers=False)

    def train_step(self, data, optim_wrapper):
        """See the distiller."""
        return self.module.train_step(data, optim_wrapper)

    def val_step(self, data):
        """See the distiller."""
        return self.module.val_step(data)

    def test_step(self, data):
        """See the distiller."""
        return self.module.test_step(data)
