"""The copy of a teacher whose batch norms are folded into its convolutions."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pretend_device import CAN_PRETEND, pretend_device
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ssdkd.distillers.teacher_checks import probe_images
from ssdkd.engine import RoleOptimWrapperConstructor
from ssdkd.models import Teacher
from ssdkd.models.folding import Folding, foldable
from ssdkd.registry import MODELS

NORMS = nn.modules.batchnorm._BatchNorm


def trained(model: nn.Module) -> nn.Module:
    """With statistics and parameters of batch norms as training leaves them."""
    for layer in model.modules():
        if isinstance(layer, NORMS) and layer.running_mean is not None:
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
        if isinstance(layer, NORMS) and layer.affine:
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.1)
    return model.eval()


def logits(network: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    return [network(images)]


def folded(model: nn.Module, size: int = 32) -> Teacher:
    teacher = Teacher(trained(model))
    teacher.fold(torch.rand(4, 3, size, size), logits)
    return teacher


def difference(teacher: Teacher, images: torch.Tensor) -> float:
    """Of the answers of the copy, relative to the largest."""
    with torch.no_grad():
        answer, copied = teacher(images), teacher.answering(images)
    return float((answer - copied).abs().max() / answer.abs().max())


def norms(network: nn.Module) -> int:
    return sum(isinstance(layer, NORMS) for layer in network.modules())


@pytest.mark.parametrize('bias', [True, False])
def test_weights_against_numpy(bias):
    """An image of one pixel through a 1x1 convolution is a product with a matrix."""
    model = nn.Sequential(nn.Conv2d(5, 3, 1, bias=bias), nn.BatchNorm2d(3, eps=0.1))
    network = Folding(trained(model), [('0', '1')]).network
    conv, norm = (
        {key: value.detach().numpy().astype('f8') for key, value in layer.state_dict().items()}
        for layer in model
    )
    x = np.random.default_rng(0).normal(size=5)
    out = conv['weight'][:, :, 0, 0] @ x + conv.get('bias', 0)
    out = (out - norm['running_mean']) / np.sqrt(norm['running_var'] + 0.1)
    out = out * norm['weight'] + norm['bias']
    answer = network(torch.tensor(x, dtype=torch.float32).reshape(1, 5, 1, 1))
    np.testing.assert_allclose(answer.detach().flatten(), out, rtol=1e-5)


@pytest.mark.parametrize(
    'config, left',
    [
        (dict(type='CifarResNet', depth=20), 0),
        (dict(type='VGG', depth=11), 0),
        # Batch norm first: those that take a sum of maps stay.
        (dict(type='WideResNet', depth=16, widen_factor=1), 7),
        (dict(type='torchvision', name='mobilenet_v2'), 0),
        (dict(type='torchvision', name='densenet121'), 62),
        # Batch norms with an activation inside.
        (dict(type='timm', name='efficientnet_b0'), 0),
    ],
    ids=lambda value: '_'.join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_answers_are_the_same(config, left):
    teacher = folded(MODELS.build(config))
    assert norms(teacher.answering) == left < norms(teacher)
    assert difference(teacher, torch.rand(8, 3, 32, 32)) < 1e-5


class Shared(nn.Module):
    """Uses layers more than once."""

    def __init__(self, way: str):
        super().__init__()
        self.way = way
        self.first, self.second = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))
        self.norm, self.other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        out = self.first(x)
        match self.way:
            case 'output':
                out = self.norm(out) + out
            case 'convolution':
                out = self.norm(self.first(self.norm(out)))
            case 'two norms':
                out = self.norm(out) + self.other(out)
        return self.other(self.second(F.relu(out))).mean((2, 3))


@pytest.mark.parametrize(
    'way, pairs',
    [
        ('output', [('second', 'other')]),
        ('convolution', [('second', 'other')]),
        ('two norms', []),
    ],
)
def test_layers_that_are_used_twice(way, pairs):
    network = trained(Shared(way))
    found = foldable(network, lambda: logits(network, torch.rand(2, 3, 8, 8).requires_grad_()))
    assert found == pairs
    assert difference(folded(network, 8), torch.rand(2, 3, 8, 8)) < 1e-5


def test_an_output_that_a_loss_reads_is_not_folded():
    network = trained(nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)))

    def run():
        maps = network[0](torch.rand(2, 3, 8, 8).requires_grad_())
        return [network[1](maps), maps]

    assert foldable(network, run) == []


class AsksItsNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm(self.conv(x)).mean((2, 3)) * self.norm.weight


class AsksItsConvolution(nn.Module):
    """Beside a class that is masked: the copy gives other logits of the rest."""

    def __init__(self, mask: float):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)
        self.mask = torch.tensor([0.0, mask, 0.0])

    def forward(self, x):
        return self.norm(self.conv(x)).mean((2, 3)) + self.conv.weight.std() + self.mask


class StandardisedConv(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, (self.weight - self.weight.mean()) / self.weight.std())


def hooked() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Flatten())
    model[0].register_forward_hook(lambda layer, inputs, output: None)
    return model


@pytest.mark.parametrize(
    'model',
    [
        AsksItsNorm(),
        *map(AsksItsConvolution, (0, -1e4, -1e9)),
        nn.Sequential(StandardisedConv(3, 3, 3, bias=False), nn.BatchNorm2d(3), nn.Flatten()),
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.GroupNorm(1, 3), nn.Flatten()),
        nn.Sequential(
            nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten()
        ),
        hooked(),
        torch.compile(nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)), backend='eager'),
    ],
    ids=[
        'asks its norm',
        'asks its convolution',
        'asks beside a masked class',
        'asks beside a class masked by more',
        'own convolution',
        'no batch norm',
        'no statistics',
        'hooks',
        'compiled',
    ],
)
def test_networks_that_stay_as_they_are(model):
    teacher = folded(model, 8)
    assert teacher.answering is teacher


@pytest.mark.parametrize('mask', [0, -1e4, -1e9])
@pytest.mark.parametrize('seed', range(4))
def test_many_classes_some_of_them_near_zero(seed, mask):
    """Also with two images, of which some class has small logits."""
    torch.manual_seed(seed)
    model = MODELS.build(dict(type='CifarResNet', depth=20, num_classes=1000))
    with torch.no_grad():
        model.linear.bias[:10] = mask
    teacher = Teacher(trained(model))
    teacher.fold(probe_images((32, 32))[:2], logits)
    assert norms(teacher.answering) == 0


def test_outputs_that_are_no_tensors_leave_the_network_as_it_is():
    teacher = Teacher(trained(MODELS.build(dict(type='CifarResNet', depth=8))))
    teacher.fold(torch.rand(2, 3, 32, 32), lambda network, images: [(network(images),)])
    assert teacher.answering is teacher


@pytest.mark.skipif(not CAN_PRETEND, reason='this torch has no Python backends')
def test_weights_are_folded_on_the_cpu_wherever_the_network_is(monkeypatch):
    """A device rounds otherwise, so a resumed run would not repeat the one that was stopped."""
    places = []

    def fuse(*args):
        places.extend(arg.device.type for arg in args if isinstance(arg, torch.Tensor))
        return fuse_conv_bn_weights(*args)

    monkeypatch.setattr('ssdkd.models.folding.fuse_conv_bn_weights', fuse)
    with pretend_device():
        teacher = folded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
        before = teacher.answering.model[0].weight.clone()
        teacher.to('pretend')
        teacher.load_state_dict(teacher.state_dict())
        after = teacher.answering.model[0].weight
        assert after.device.type == 'pretend' and torch.equal(before, after.cpu())
    assert len(places) == 2 * 6 and set(places) == {'cpu'}


def test_new_weights_are_taken_over():
    teacher = folded(MODELS.build(dict(type='CifarResNet', depth=8)))
    other = Teacher(trained(MODELS.build(dict(type='CifarResNet', depth=8))))
    images = torch.rand(2, 3, 32, 32)
    before = teacher.answering(images)
    nn.Sequential(teacher).load_state_dict(nn.Sequential(other).state_dict())
    assert (before - other(images)).abs().max() > 0.01
    torch.testing.assert_close(teacher.answering(images), other(images), rtol=1e-4, atol=1e-5)


def test_the_copy_follows_to_another_type_and_is_in_no_state_dict():
    teacher = folded(MODELS.build(dict(type='CifarResNet', depth=8)))
    assert {p.dtype for p in teacher.double().answering.parameters()} == {torch.float64}
    assert difference(teacher, torch.rand(2, 3, 32, 32, dtype=torch.float64)) < 1e-6
    assert len(teacher.state_dict()) == len(teacher.model.state_dict())
    assert norms(copy.deepcopy(teacher).answering) == 0


def test_a_student_step_runs_no_batch_norm_of_the_teacher(distiller):
    called = []
    for layer in distiller.teacher.modules():
        if isinstance(layer, NORMS):
            layer.register_forward_hook(lambda *_: called.append(1))
    sgd = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    optim_wrapper = RoleOptimWrapperConstructor(dict(student=sgd, generator=sgd))(distiller)
    distiller.train()
    distiller.synthesize(optim_wrapper)
    assert called  # inversion reads their statistics
    called.clear()
    distiller.train_step(None, optim_wrapper)
    assert not called
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(
        distiller.ask('teacher', images).logits, distiller.teacher(images), rtol=1e-4, atol=1e-4
    )
