"""Networks of other libraries: plain modules, and errors that name the remedy."""

import sys

import pytest
import timm
import torch
import torchvision

import ssdkd  # noqa: F401
from ssdkd.errors import ConfigError
from ssdkd.models import Network, Teacher
from ssdkd.registry import MODELS


def test_timm_gives_the_plain_module():
    model = MODELS.build(dict(type='timm', name='mobilenetv3_small_050', num_classes=5))
    plain = timm.create_model('mobilenetv3_small_050', num_classes=5)
    assert type(model) is type(plain)
    plain.load_state_dict(model.state_dict())
    assert model.eval()(torch.rand(1, 3, 32, 32)).shape == (1, 5)


def test_torchvision_gives_the_plain_module():
    model = MODELS.build(dict(type='torchvision', name='squeezenet1_1', num_classes=5))
    plain = torchvision.models.squeezenet1_1(num_classes=5)
    assert type(model) is type(plain)
    plain.load_state_dict(model.state_dict())


@pytest.mark.parametrize('name', ['deeplabv3_resnet50', 'deeplabv3_mobilenet_v3_large'])
def test_torchvision_segmentor_without_a_download(monkeypatch, name):
    def download(*args, **kwargs):
        raise AssertionError('weights were asked for')

    monkeypatch.setattr('torch.hub.load_state_dict_from_url', download)
    monkeypatch.setattr('torchvision.models._api.load_state_dict_from_url', download)
    config = dict(type='torchvision', name=name, num_classes=5)
    network = Network(config).eval()
    plain = torchvision.models.get_model(name, weights_backbone=None, num_classes=5)
    plain.load_state_dict(network.model.state_dict())
    assert not any(key.startswith('aux_classifier') for key in plain.state_dict())
    images = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        logits = network(images)
        assert logits.shape == (1, 5, 48, 64)
        assert torch.equal(logits, plain.eval()(images)['out'])
    # Asked for, they are fetched.
    with pytest.raises(ConfigError, match='weights were asked for'):
        MODELS.build(dict(config, weights_backbone='DEFAULT'))


def test_other_torchvision_segmentors_give_the_main_logits():
    config = dict(type='torchvision', name='lraspp_mobilenet_v3_large', num_classes=5)
    assert Network(config).eval()(torch.rand(1, 3, 32, 32)).shape == (1, 5, 32, 32)
    config = dict(type='torchvision', name='fcn_resnet50', num_classes=5, aux_loss=True)
    network = Network(config).eval()
    assert 'aux_classifier.4.bias' in network.model.state_dict()
    with torch.no_grad():
        assert network(torch.rand(1, 3, 32, 32)).shape == (1, 5, 32, 32)


def test_any_importable_module():
    model = MODELS.build(
        dict(type='module', path='torch.nn.Linear', in_features=3, out_features=2)
    )
    assert type(model) is torch.nn.Linear


@pytest.mark.parametrize(
    'model, messages',
    [
        (dict(type='timm', name='resnet_18'), ["unknown name 'resnet_18'", 'resnet18']),
        (dict(type='timm', name='qqqqqq'), ['timm.list_models()']),
        (dict(type='timm', name='resnet18', nmu_classes=3), ["timm 'resnet18'", 'nmu_classes']),
        (dict(type='torchvision', name='resnet81'), ["unknown name 'resnet81'", 'resnet18']),
        (dict(type='torchvision', name='qqqqqq'), ['torchvision.models.list_models()']),
        (dict(type='torchvision', name='resnet18', nmu=3), ["torchvision 'resnet18'", 'nmu']),
        (dict(type='module', path='no_such_package.Net'), ["'no_such_package.Net'", 'import']),
        (dict(type='module', path='torch.nn.Lniear'), ["'torch.nn.Lniear'", 'Lniear']),
        (dict(type='module', path='Net'), ["'package.module.Class'"]),
        (dict(type='module', path='torch.nn.Linear', width=2), ["'torch.nn.Linear'", 'width']),
        (dict(type='module', path='fractions.Fraction'), ['Fraction', 'torch.nn.Module']),
    ],
)
def test_errors_name_the_word_and_the_remedy(model, messages):
    with pytest.raises(ConfigError) as info:
        MODELS.build(model)
    assert '\n' not in str(info.value) and len(str(info.value)) < 300
    for message in messages:
        assert message in str(info.value)


@pytest.mark.parametrize(
    'module, config',
    [
        ('timm', dict(type='timm', name='resnet18')),
        ('torchvision.models', dict(type='torchvision', name='resnet18')),
    ],
)
def test_missing_library(monkeypatch, module, config):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=f'run pip install {config["type"]}'):
        MODELS.build(config)


def test_pretrained_weights_that_cannot_be_had(monkeypatch):
    def offline(name, **kwargs):
        raise OSError('no network\nand a long explanation')

    monkeypatch.setattr(timm, 'create_model', offline)
    monkeypatch.setattr(torchvision.models, 'get_model', offline)
    for config in (
        dict(type='timm', name='resnet18', pretrained=True),
        dict(type='torchvision', name='resnet18', weights='DEFAULT'),
    ):
        with pytest.raises(ConfigError, match='give checkpoint= with a local file') as info:
            Teacher(config)
        assert 'OSError: no network)' in str(info.value)


# Without classes (0 and less) timm builds a network of features, which fits no task.
@pytest.mark.parametrize(
    'library, classes',
    [('timm', 2.5), ('timm', '64'), ('torchvision', -3), ('torchvision', '64')],
)
def test_a_number_of_classes_that_cannot_be(library, classes):
    with pytest.raises(ConfigError, match=f"{library} 'resnet18'"):
        MODELS.build(dict(type=library, name='resnet18', num_classes=classes))


def test_failures_of_the_network_itself_keep_their_type():
    with pytest.raises(ZeroDivisionError):
        MODELS.build(dict(type='module', path='fractions.Fraction', numerator=1, denominator=0))


def test_real_imagenet_teacher_loads_and_classifies(shared):
    from ssdkd.datasets import LabelledImages

    teacher = Teacher(
        dict(type='timm', name='tf_efficientnet_lite0'),
        mean=[0.498] * 3,
        std=[0.502] * 3,
        checkpoint=str(shared / 'teachers/imagenet_tf_efficientnet_lite0.pth'),
    )
    folder = shared / 'data/imagenet_sample'
    dataset = LabelledImages(str(folder / 'images'), str(folder / 'labels.json'))
    samples = [dataset[i] for i in range(0, len(dataset), 20)]
    images = torch.stack([s['inputs'] for s in samples]).float() / 255
    labels = torch.tensor([s['data_samples'] for s in samples])
    with torch.no_grad():
        assert (teacher(images).argmax(1) == labels).float().mean() > 0.7
