"""Two processes keep every trained part the same, a head and a bare parameter included."""

import os

import torch
import torch.distributed as dist
from helpers import build_distiller
from mmengine.config import Config
from torch import nn

from ssdkd.engine import DistributedDistiller, RoleOptimWrapperConstructor
from ssdkd.engine.trained import check_trained
from ssdkd.losses import KLDivergenceLoss
from ssdkd.registry import LOSSES


class HeadLoss(KLDivergenceLoss):
    """KL divergence of logits after a linear layer and a trained scale."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(10, 10)
        self.scale = nn.Parameter(torch.rand(()))

    def forward(self, student_logits, teacher_logits, task):
        return super().forward(self.scale * self.head(student_logits), teacher_logits, task)


def one_of_two(rank, cfg, folder):
    torch.set_num_threads(1)
    LOSSES.register_module(module=HeadLoss)
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/init', rank=rank, world_size=2
    )
    cfg = Config(cfg)
    distiller = build_distiller(cfg)
    distiller.distillation['head'].scale.data.fill_(1.0 + rank)  # the first one's counts
    before = [p.detach().clone() for p in distiller.distillation.parameters()]
    DistributedDistiller(distiller)
    optim_wrapper = RoleOptimWrapperConstructor(cfg.optim_wrapper)(distiller)
    check_trained(distiller, optim_wrapper)
    distiller.seed(rank)
    distiller.train()
    distiller.synthesize(optim_wrapper)
    for _ in range(3):
        distiller.train_step(None, optim_wrapper)
    trained = list(distiller.distillation.parameters())
    weights = [p.detach() for p in [*trained, *distiller.student.parameters()]]
    moved = all(not torch.equal(p, q) for p, q in zip(trained, before))
    torch.save((weights, moved, list(distiller.state_dict())), f'{folder}/{rank}.pt')
    os._exit(0)  # taking down the group and what hangs on it may never end


def test_two_processes(tiny, tmp_path):
    cfg = tiny({'model.distillation.head': dict(type='HeadLoss')})
    optim_wrapper = cfg.optim_wrapper.to_dict()
    optim_wrapper.pop('constructor')
    cfg.optim_wrapper = optim_wrapper
    torch.multiprocessing.spawn(one_of_two, (cfg.to_dict(), str(tmp_path)), nprocs=2)
    (weights, moved, keys), (others, also_moved, _) = (
        torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)
    )
    assert moved and also_moved
    assert all(torch.equal(one, other) for one, other in zip(weights, others))
    assert 'distillation.head.head.weight' in keys  # as of one process
