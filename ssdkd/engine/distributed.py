"""Distributed data parallelism for a model with two optimizers."""

import os
import subprocess

import torch
from mmengine.device import get_device
from mmengine.dist import all_reduce, broadcast, get_world_size
from mmengine.model import MMDistributedDataParallel
from torch import nn

from ssdkd.distillers import BaseDistiller
from ssdkd.errors import ConfigError
from ssdkd.registry import MODEL_WRAPPERS
from ssdkd.runs.launchers import VARIABLES


def join_processes(launcher: str, device: str | None = None) -> None:
    """Join the process group without an accelerator, which mmengine's Runner cannot do.

    Its own start chooses a CUDA device for each process. With one, without a launcher, or
    where the processes have met before, nothing is done here.

    Args:
        launcher (str): How the processes were started: ``'none'``, ``'pytorch'``, ``'slurm'``
            or ``'mpi'``. The first process is found at ``MASTER_ADDR`` and ``MASTER_PORT``,
            which default, under Slurm, to its first node and 29500.
        device (str, optional): ``'cpu'`` does without CUDA. Defaults to None: as it is there.

    Raises:
        ConfigError: The environment is not that of the launcher, or this host has more
            processes of torchrun than CUDA devices.
    """
    on_cuda = torch.cuda.is_available() and device != 'cpu'
    if launcher == 'pytorch' and on_cuda:
        processes, devices = (
            int(os.environ.get('LOCAL_WORLD_SIZE', 1)),
            torch.cuda.device_count(),
        )
        if processes > devices:
            raise ConfigError(
                f'--launcher pytorch: {processes} processes on a host with {devices} CUDA '
                f"devices, and each needs one; start {devices}, or set CUDA_VISIBLE_DEVICES='' "
                'to train on the CPU'
            )
    if launcher == 'none' or on_cuda or torch.distributed.is_initialized():
        return
    missing = [name for name in VARIABLES[launcher] if name not in os.environ]
    if missing:
        raise ConfigError(
            f'--launcher {launcher}: the environment has no {missing[0]}; start with '
            'tools/dist_train.sh (pytorch), tools/slurm_train.sh (slurm) or mpirun (mpi)'
        )
    for name, source in zip(VARIABLES['pytorch'], VARIABLES[launcher]):
        os.environ[name] = os.environ[source]
    os.environ.setdefault('MASTER_PORT', '29500')
    if launcher == 'slurm' and 'MASTER_ADDR' not in os.environ:
        nodes = ['scontrol', 'show', 'hostname', os.environ['SLURM_NODELIST']]
        os.environ['MASTER_ADDR'] = subprocess.check_output(nodes, text=True).split()[0]
    torch.distributed.init_process_group('gloo')


@torch.no_grad()
def unite_buffers(distiller: BaseDistiller) -> None:
    """Average the networks' buffers over the processes at the end of a round.

    Gradients are averaged at every step, so parameters never differ. Buffers do: each process
    updates the statistics of batch norm from its own samples. Floating-point buffers become
    their mean over the processes, all others those of the first process. What is validated,
    checkpointed and exported is then one network, whichever process does it. One process
    changes nothing.

    Args:
        distiller (BaseDistiller): The distiller itself, not its wrapper.
    """
    if get_world_size() == 1:
        return
    for role in distiller.trained.values():
        for value in distiller.get_submodule(role.path).buffers():
            first = value.clone()
            broadcast(first)
            if value.is_floating_point():
                # The mean of the differences: values that are equal stay so, to the bit.
                change = torch.where(value == first, 0, value - first)
                all_reduce(change, 'mean')
                first += change
            value.copy_(first)


class PartDataParallel(MMDistributedDataParallel):
    """DDP around a part of the distiller, with the state dict of that part.

    The keys have no ``module.``: any number of processes can load what another has saved
    (mmengine looks for such keys, and torch's own ``load_state_dict`` is told of them).
    """

    def state_dict(self, *args, **kwargs) -> dict:
        return self.module.state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        for key in [key for key in state_dict if key.startswith(prefix)]:
            state_dict[f'{prefix}module.{key[len(prefix) :]}'] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


@MODEL_WRAPPERS.register_module()
class DistributedDistiller(nn.Module):
    """Wraps each part that is trained in a DDP of its own.

    One DDP around the whole distiller would wait, in a generator step, for gradients that
    the frozen student never gets, and the reverse. Chosen by ``tools/train.py --launcher``.
    The loop calls :func:`unite_buffers` after every round.

    A network is wrapped as a whole. Of any other part, such as a synthesizer or a loss with a
    head, the submodules are wrapped; parameters outside of them get the mean gradient of all
    processes by a hook.

    Args:
        module (BaseDistiller): The distiller.
    """

    def __init__(self, module: BaseDistiller):
        super().__init__()
        self.module = module.to(get_device())
        for role in module.trained.values():
            if role.network:
                owner, _, name = role.path.rpartition('.')
                self._wrap(module.get_submodule(owner), name)
            else:
                self._wrap_inside(module.get_submodule(role.path))

    def _wrap_inside(self, part: nn.Module) -> None:
        for name, child in list(part.named_children()):
            # Containers are not called, so that a wrapper around one would do nothing.
            if not isinstance(child, nn.ModuleDict | nn.ModuleList) and is_trained(child):
                self._wrap(part, name)
        wrapped = {
            id(parameter)
            for child in part.children()
            if isinstance(child, PartDataParallel)
            for parameter in child.parameters()
        }
        for parameter in part.parameters():
            if parameter.requires_grad and id(parameter) not in wrapped:
                broadcast(parameter.data)
                parameter.register_post_accumulate_grad_hook(
                    lambda parameter: all_reduce(parameter.grad, 'mean')
                )

    @staticmethod
    def _wrap(owner: nn.Module, name: str) -> None:
        network = getattr(owner, name)
        device = next(network.parameters()).device
        devices = [device] if device.type == 'cuda' else None
        # Buffers are united once per round, see unite_buffers, and not at every step.
        wrapper = PartDataParallel(network, device_ids=devices, broadcast_buffers=False)
        setattr(owner, name, wrapper)

    def train_step(self, data, optim_wrapper):
        """See the distiller."""
        return self.module.train_step(data, optim_wrapper)

    def val_step(self, data):
        """See the distiller."""
        return self.module.val_step(data)

    def test_step(self, data):
        """See the distiller."""
        return self.module.test_step(data)


def is_trained(module: nn.Module) -> bool:
    """Whether a module has a parameter that requires gradients."""
    return any(p.requires_grad for p in module.parameters())
