"""What several processes share of a synthesizer stays the same in all of them."""

import os

import pytest
import torch
import torch.distributed as dist
from helpers import build_distiller
from mmengine.config import Config
from test_runs_resume import config

from ssdkd.engine import DistributedDistiller, RoleOptimWrapperConstructor


def one_of_two(rank, cfg, folder):
    """Three rounds in one process, which then writes down its samples and its state."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/init', rank=rank, world_size=2
    )
    cfg = Config(cfg)
    distiller = build_distiller(cfg)
    DistributedDistiller(distiller)
    optim_wrapper = RoleOptimWrapperConstructor(cfg.optim_wrapper)(distiller)
    distiller.seed(rank)
    distiller.train()
    images = []
    for number in range(3):
        distiller.share = (number / 3, (number + 1) / 3)
        distiller.synthesize(optim_wrapper)
        images.append(distiller.buffer[torch.arange(len(distiller.buffer))]['image'])
    synthesizer = distiller.synthesizer
    state = {k: v for k, v in synthesizer.state_dict().items() if not k.startswith('losses')}
    torch.save((images, state), f'{folder}/{rank}.pt')
    os._exit(0)  # taking down the group and what hangs on it may never end


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ('contrastive', 'real')]


@pytest.mark.parametrize('name', ['fomaml', *SLOW])
def test_two_processes(tiny, tmp_path, name):
    cfg = config(tiny, name)
    cfg.model.buffer.capacity = 400
    if name == 'fomaml':
        cfg.model.synthesizer.reset_share = 0.6
    optim_wrapper = cfg.optim_wrapper.to_dict()
    optim_wrapper.pop('constructor')
    cfg.optim_wrapper = optim_wrapper
    torch.multiprocessing.spawn(one_of_two, (cfg.to_dict(), str(tmp_path)), nprocs=2)
    (images, state), (other_images, other_state) = (
        torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)
    )
    assert state.keys() == other_state.keys() and state
    different = [k for k in state if not torch.equal(state[k], other_state[k])]
    assert not different, different
    for ours, theirs in zip(images, other_images):
        assert ours.shape == theirs.shape and not torch.equal(ours, theirs)
    if name == 'real':
        assert state['dealt'] == 360  # the whole pass, 60 a round and process
