"""Attention transfer between each pair of networks against numpy, and what it leaves behind."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import build_distiller, compared
from torch import nn

from ssdkd.engine import RoleOptimWrapperConstructor
from ssdkd.errors import ConfigError
from ssdkd.losses import AttentionTransferLoss
from ssdkd.models import Network, Teacher, recording
from ssdkd.registry import MODELS

PAIRS = {
    'CifarResNet': (dict(depth=20), dict(depth=8), 'layer', 3),
    'ResNet': (dict(depth=34), dict(depth=18), 'layer', 4),
    'WideResNet': (
        dict(depth=16, widen_factor=2),
        dict(depth=10, widen_factor=1),
        'block',
        3,
    ),
}


def images(n=4):
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def networks(kind):
    torch.manual_seed(0)
    teacher, student = (MODELS.build(dict(type=kind, **args)) for args in PAIRS[kind][:2])
    return Teacher(teacher), Network(student).eval()


def attached(teacher, student, **kwargs):
    loss = AttentionTransferLoss(**kwargs)
    loss.attach(teacher, student)
    return loss


@torch.no_grad()
def stages(kind, network):
    """What comes out of each stage, run one by one."""
    out, maps = network.conv1(images()), []
    if kind != 'WideResNet':  # which normalises inside its blocks
        out = F.relu(network.bn1(out))
    for i in range(PAIRS[kind][3]):
        out = getattr(network, f'{PAIRS[kind][2]}{i + 1}')(out)
        maps.append(out.double().numpy())
    return maps


def attention(maps):
    flat = (maps**2).mean(1).reshape(len(maps), -1)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


@pytest.mark.parametrize('kind', PAIRS)
def test_all_shared_stages_against_numpy(kind):
    teacher, student = networks(kind)
    value = compared(attached(teacher, student), teacher, student, images())
    expected = sum(
        ((attention(t) - attention(s)) ** 2).mean(1)
        for t, s in zip(stages(kind, teacher.model), stages(kind, student.model))
    )
    assert value.shape == (4,)
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-3)


def test_named_layers_only():
    teacher, student = networks('CifarResNet')
    loss = attached(teacher, student, layers=['layer2'])
    maps = (stages('CifarResNet', n.model)[1] for n in (teacher, student))
    a, b = (attention(m) for m in maps)
    value = compared(loss, teacher, student, images())
    np.testing.assert_allclose(value.detach(), ((a - b) ** 2).mean(1), rtol=1e-3)


def test_gradient_reaches_the_student_up_to_the_last_layer():
    teacher, student = networks('CifarResNet')
    loss = attached(teacher, student, layers=['layer2'])
    compared(loss, teacher, student, images()).sum().backward()
    for name, parameter in student.model.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.any())
        assert reached == (not name.startswith(('layer3', 'linear'))), name
    assert all(p.grad is None for p in teacher.parameters())


def test_equal_networks_have_none():
    teacher, _ = networks('CifarResNet')
    student = Network(copy.deepcopy(teacher.model))
    value = compared(attached(teacher, student), teacher, student, images())
    np.testing.assert_allclose(value.detach(), np.zeros(4), atol=1e-12)


def test_nothing_stays_behind():
    teacher, student = networks('CifarResNet')
    loss = attached(teacher, student)
    kept = []
    student.model.layer1.register_forward_hook(lambda m, i, out: kept.append(weakref.ref(out)))
    with pytest.raises(RuntimeError, match='on the way'):
        with recording(student.model, loss.student_layers) as features:
            student(images())
            raise RuntimeError('on the way')
    assert all(len(calls) == 1 for calls in features.values())
    del features
    compared(loss, teacher, student, images())
    gc.collect()
    assert len(kept) == 2 and all(reference() is None for reference in kept)
    hooked = [m for n in (teacher, student) for m in n.modules() if m._forward_hooks]
    assert hooked == [student.model.layer1]  # this test's own
    assert not loss.state_dict() and not list(loss.modules())[1:]


def distiller_with(tiny, **options):
    terms = {
        'model.distillation.kl.weight': 0.1,
        'model.distillation.attention': dict(type='AttentionTransferLoss', weight=250.0),
    }
    return build_distiller(tiny(terms | options))


def test_in_the_distiller(tiny):
    """0.1 KL + 250 attention, in the log as one divergence; no hook is left on the student."""
    distiller = distiller_with(tiny, **{'model.crop_padding': 0})
    sgd = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    optim_wrapper = RoleOptimWrapperConstructor(dict(student=sgd, generator=sgd))(distiller)
    distiller.train()
    distiller.synthesize(optim_wrapper)
    distiller.sampler.sample = lambda buffer, n: (torch.arange(16), torch.ones(16))
    x = distiller.buffer[torch.arange(16)]['image']
    kl, attention_term = (distiller.distillation[name] for name in ('kl', 'attention'))
    with torch.no_grad():
        # In training mode, as in the step; its running statistics do not matter here.
        networks = distiller.teacher, distiller.student, x, distiller.task
        expected = 0.1 * compared(kl, *networks) + 250 * compared(attention_term, *networks)
    log = distiller.train_step(None, optim_wrapper)
    torch.testing.assert_close(log['divergence'], expected.mean())
    assert not any(m._forward_hooks for m in distiller.student.modules())


class Small(nn.Module):
    """Stages of other sizes than those of ResNet-8."""

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.layer2 = nn.Flatten()
        self.linear = nn.LazyLinear(10)

    def forward(self, x):
        return self.linear(self.layer2(self.layer1(x)))


@pytest.mark.parametrize(
    'layers, message',
    [
        (
            ['layer1'],
            "student's layer 'layer1' gives .8, 8. and the teacher's 'layer1' .16, 16.;",
        ),
        (['layer2'], "AttentionTransferLoss: layer 'layer2' of the student gives no maps"),
        (['layer3'], "layers names 'layer3', which the student does not have"),
        ([], 'AttentionTransferLoss: no stages'),
    ],
)
def test_misfits_show_before_training(tiny, monkeypatch, layers, message):
    """Layers that both have by name alone; what is wrong with them is said at the start."""
    monkeypatch.setitem(MODELS._module_dict, 'Small', Small)
    cfg = tiny()
    cfg.model.student.model = dict(type='Small')
    cfg.model.distillation = dict(attention=dict(type='AttentionTransferLoss', layers=layers))
    with pytest.raises(ConfigError, match=f'model.distillation: .*{message}'):
        build_distiller(cfg)


def test_networks_without_common_stages():
    teacher, _ = networks('CifarResNet')
    _, student = networks('WideResNet')
    with pytest.raises(ConfigError, match='no stages .layer1, block1'):
        attached(teacher, student)


def test_bfloat16():
    teacher, student = networks('CifarResNet')
    loss = attached(teacher, student)
    exact = compared(loss, teacher, student, images()).detach()
    with torch.autocast('cpu', torch.bfloat16):
        value = compared(loss, teacher, student, images())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.detach(), exact, rtol=0.1, atol=1e-6)
