"""The CIFAR networks against the published checkpoints' layout and against real teachers."""

import json

import pytest
import torch
from torch import nn

import ssdkd  # noqa: F401
from ssdkd.datasets import ImageFolder
from ssdkd.errors import ConfigError
from ssdkd.models import VGG, CifarResNet, ResNet, Teacher, WideResNet
from ssdkd.registry import MODELS

PUBLISHED = {
    'wrn_40_2': dict(type='WideResNet', depth=40, widen_factor=2),
    'wrn_40_1': dict(type='WideResNet', depth=40, widen_factor=1),
    'wrn_16_1': dict(type='WideResNet', depth=16, widen_factor=1),
    'wrn_16_2': dict(type='WideResNet', depth=16, widen_factor=2),
    'resnet18': dict(type='ResNet', depth=18),
    'resnet34': dict(type='ResNet', depth=34),
    'vgg11_bn': dict(type='VGG', depth=11),
}
SMALL = [
    dict(type='CifarResNet', depth=8),
    dict(type='CifarResNet', depth=8, groups=4),
    dict(type='ResNet', depth=18),
    dict(type='WideResNet', depth=10, widen_factor=1),
    dict(type='WideResNet', depth=16, widen_factor=2),
    dict(type='VGG'),
]
IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize('name', PUBLISHED)
def test_layout_is_that_of_the_published_checkpoints(shared, name):
    table = json.loads((shared / 'teachers/cifar_state_dict_keys.json').read_text())
    expected = table['models'][name]
    model = MODELS.build(PUBLISHED[name] | dict(num_classes=table['num_classes']))
    shapes = {k: list(v.shape) for k, v in model.state_dict().items()}
    assert list(shapes) == list(expected['state_dict'])
    assert shapes == expected['state_dict']
    assert count(model) == expected['parameters']


def test_every_published_layout_is_tested(shared):
    table = json.loads((shared / 'teachers/cifar_state_dict_keys.json').read_text())
    assert set(table['models']) == set(PUBLISHED)


@pytest.mark.parametrize(
    'model, parameters',
    [
        (dict(type='CifarResNet', depth=20), 269_722),
        (dict(type='CifarResNet', depth=56), 853_018),
        (dict(type='WideResNet', depth=40, widen_factor=2), 2_243_546),
        (dict(type='ResNet', depth=18), 11_173_962),
        (dict(type='VGG'), 9_231_114),
    ],
)
def test_parameter_counts(model, parameters):
    assert count(MODELS.build(model)) == parameters


@pytest.mark.parametrize('config', SMALL, ids=lambda c: c['type'])
def test_logits_and_gradients(config):
    model = MODELS.build(config | dict(num_classes=7))
    images = torch.randn(2, 3, 32, 32, requires_grad=True)
    logits = model(images)
    assert logits.shape == (2, 7)
    logits.square().sum().backward()
    assert images.grad.abs().sum() > 0
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize('config', SMALL, ids=lambda c: c['type'])
def test_other_resolutions(config):
    model = MODELS.build(config).eval()
    assert model(torch.randn(1, 3, 64, 48)).shape == (1, 10)


def test_wide_resnet_shortcut_starts_from_the_activated_input():
    block = WideResNet(10, 1).block2.layer[0].eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 16, 8, 8)
    expected = nn.functional.conv2d(block.bn1(x).relu(), block.convShortcut.weight, stride=2)
    torch.testing.assert_close(block(x), expected)
    same = WideResNet(10, 1).block1.layer[0].eval()
    nn.init.zeros_(same.conv2.weight)
    torch.testing.assert_close(same(x), x)


def test_cifar_resnet_shortcut_slices_and_pads():
    block = CifarResNet(8).layer2[0].eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.rand(1, 16, 4, 4)
    out = block(x)
    torch.testing.assert_close(out[:, 8:24], x[:, :, ::2, ::2])
    assert out[:, :8].abs().sum() == out[:, 24:].abs().sum() == 0


@pytest.mark.parametrize(
    'model, arguments, message',
    [
        (CifarResNet, (21,), "key 'depth' is 21; it must be 6n.2"),
        (CifarResNet, (2,), "key 'depth' is 2"),
        (ResNet, (50,), "key 'depth' is 50; it must be 18 or 34"),
        (WideResNet, (41, 2), "key 'depth' is 41; it must be 6n.4"),
        (VGG, (16,), "key 'depth' is 16; it must be 11"),
    ],
)
def test_impossible_depths(model, arguments, message):
    with pytest.raises(ConfigError, match=message):
        model(*arguments)


@pytest.mark.parametrize('depth', [20, 56])
def test_real_teachers_are_as_good_as_they_should_be(shared, depth):
    teacher = Teacher(
        dict(type='CifarResNet', depth=depth),
        checkpoint=str(shared / f'teachers/cifar10_jpeg_resnet{depth}.pth'),
        **IMAGENET,
    )
    dataset = ImageFolder(str(shared / 'data/cifar10_jpeg/val'), image_size=32)
    samples = [dataset[i] for i in range(0, len(dataset), 16)]
    images = torch.stack([s['inputs'] for s in samples]).float() / 255
    labels = torch.tensor([s['data_samples'] for s in samples])
    correct = (teacher(images).argmax(1) == labels).float().mean()
    assert len(samples) > 300 and correct > 0.85


def test_group_norm_in_place_of_batch_norm():
    plain, grouped = CifarResNet(depth=8), CifarResNet(depth=8, groups=8)
    norms = [m for m in grouped.modules() if isinstance(m, nn.GroupNorm)]
    batch_norms = [m for m in plain.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [m.num_channels for m in norms] == [m.num_features for m in batch_norms]
    assert {m.num_groups for m in norms} == {8}
    assert list(dict(grouped.named_parameters())) == list(dict(plain.named_parameters()))
    with pytest.raises(ConfigError, match="'groups' is 3, which does not divide 16 channels"):
        CifarResNet(depth=8, groups=3)
