"""Ctrl-C in distill(): it reaches the caller, and a later call is not hindered."""

import signal

import mmengine.device.utils as mmengine_device
import pytest
import torch

from ssdkd.apis import distill
from ssdkd.models import CifarResNet
from ssdkd.runs import latest_checkpoint, locked

TINY = {
    'model.synthesizer.generator.width': 8,
    'model.synthesizer.generator.latent_dim': 16,
    'model.synthesizer.batch_size': 8,
    'model.synthesizer.samples': 8,
    'model.synthesizer.steps': 1,
    'model.batch_size': 8,
    'train_cfg.steps_per_round': 2,
    'train_cfg.val_interval': 2,
    'train_cfg.val_begin': 1,
    'default_hooks.checkpoint.interval': 1,
}


class Interrupting(list):
    """Batches whose reading is interrupted once there is a checkpoint."""

    work_dir = None

    def __iter__(self):
        if latest_checkpoint(self.work_dir) is not None:
            signal.raise_signal(signal.SIGINT)
        return super().__iter__()


def run(work_dir, val_loader):
    torch.manual_seed(0)
    networks = CifarResNet(depth=8), CifarResNet(depth=8)
    before = {k: v.clone() for k, v in networks[1].state_dict().items()}
    distill(
        *networks,
        num_classes=10,
        image_size=8,
        mean=0.5,
        std=0.5,
        budget=12,
        val_loader=val_loader,
        work_dir=work_dir,
        **TINY,
    )
    return networks, before


def test_it_reaches_the_caller(tmp_path):
    batches = [(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.zeros(4).long())]
    device, handler = mmengine_device.DEVICE, signal.getsignal(signal.SIGINT)
    interrupting = Interrupting(batches)
    interrupting.work_dir = tmp_path / 'run'
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'run', interrupting)
    assert latest_checkpoint(tmp_path / 'run') is not None
    assert not (tmp_path / 'run/.lock').exists()
    with locked(tmp_path / 'run'):
        pass
    assert mmengine_device.DEVICE == device
    assert signal.getsignal(signal.SIGINT) is handler
    networks, before = run(tmp_path / 'again', batches)
    assert any(not torch.equal(v, before[k]) for k, v in networks[1].state_dict().items())
