"""Mean and std that libraries state for their pretrained weights."""

import pytest
import torch

import ssdkd  # noqa: F401  (before torchvision, which needs its shims)
from ssdkd.errors import ConfigError
from ssdkd.models import Network, student_config
from ssdkd.models.normalisation import stated_normalisation

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALF = ([0.5] * 3, [0.5] * 3)


@pytest.mark.parametrize(
    ('name', 'want'), [('resnet18', IMAGENET), ('vit_tiny_patch16_224', HALF)]
)
def test_timm(name, want):
    pytest.importorskip('timm')
    model = dict(type='timm', name=name, pretrained=True)
    assert stated_normalisation(model) == want
    # Weights of its own may come from another training.
    assert stated_normalisation(dict(type='timm', name=name)) == (None, None)
    assert stated_normalisation(model | dict(name=f'{name}.none')) == (None, None)


OTHER = dict(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
OVERRIDDEN = {
    'overlay': dict(name='resnet18', pretrained_cfg_overlay=OTHER),
    'mean alone': dict(name='resnet18', pretrained_cfg_overlay=dict(mean=OTHER['mean'])),
    'tag': dict(name='vit_base_patch16_224', pretrained_cfg='mae'),
    'tag in the name': dict(name='vit_base_patch16_224.mae'),
    'tag and overlay': dict(
        name='efficientnet_b0.ra_in1k', pretrained_cfg_overlay=dict(std=OTHER['std'])
    ),
    'dict': dict(name='resnet18', pretrained_cfg=OTHER),
    'dict and overlay': dict(
        name='resnet18', pretrained_cfg=OTHER, pretrained_cfg_overlay=dict(mean=(0.7,) * 3)
    ),
}


@pytest.mark.parametrize('case', OVERRIDDEN)
def test_what_the_network_of_timm_says_itself(case):
    timm = pytest.importorskip('timm')
    name, arguments = OVERRIDDEN[case]['name'], dict(OVERRIDDEN[case])
    with torch.device('meta'):
        known = timm.create_model(arguments.pop('name'), **arguments).pretrained_cfg
    want = list(known['mean']), list(known['std'])
    assert stated_normalisation(dict(type='timm', pretrained=True, **OVERRIDDEN[case])) == want
    plain = timm.models.get_pretrained_cfg(name.split('.')[0])
    assert want != (list(plain.mean), list(plain.std))


def test_weights_of_a_file_in_the_overlay(tmp_path):
    timm = pytest.importorskip('timm')
    torch.save(timm.create_model('resnet10t').state_dict(), tmp_path / 'own.pth')
    overlay = dict(file=str(tmp_path / 'own.pth'), **OTHER)
    model = dict(type='timm', name='resnet10t', pretrained=True, pretrained_cfg_overlay=overlay)
    network = Network(model)
    assert network.mean.flatten().tolist() == pytest.approx(OTHER['mean'])
    assert network.std.flatten().tolist() == pytest.approx(OTHER['std'])
    assert network.unset == []
    student = student_config(dict(model=dict(type='CifarResNet', depth=8)), dict(model=model))
    assert (student['mean'], student['std']) == (list(OTHER['mean']), list(OTHER['std']))


def test_a_folder_of_timm(tmp_path):
    timm = pytest.importorskip('timm', '1.0.31')
    model = timm.create_model('resnet10t', pretrained_cfg_overlay=OTHER)
    timm.models.save_for_hf(model, tmp_path)
    config = dict(type='timm', name=f'local-dir:{tmp_path}', pretrained=True)
    assert stated_normalisation(config) == (list(OTHER['mean']), list(OTHER['std']))
    config['name'] = f'local-dir:{tmp_path}/none'
    assert stated_normalisation(config) == (None, None)


@pytest.mark.parametrize('weights', ['DEFAULT', 'ResNet18_Weights.IMAGENET1K_V1'])
def test_torchvision(weights):
    pytest.importorskip('torchvision')
    model = dict(type='torchvision', name='resnet18', weights=weights)
    assert stated_normalisation(model) == IMAGENET
    assert stated_normalisation(model | dict(weights=None)) == (None, None)
    assert stated_normalisation(model | dict(weights='NONE')) == (None, None)


def test_the_student_follows():
    pytest.importorskip('timm')
    teacher = dict(model=dict(type='timm', name='resnet18', pretrained=True))
    student = student_config(dict(model=dict(type='CifarResNet', depth=8)), teacher)
    assert (student['mean'], student['std']) == IMAGENET
    assert Network(student['model'], student['mean'], student['std']).unset == []
    assert Network(student['model']).unset == ['mean', 'std']
    assert Network(student['model'], mean=[0.5]).unset == ['std']


@pytest.mark.parametrize('given, unset', [('mean', 'std'), ('std', 'mean')])
@pytest.mark.parametrize('none', [dict(), dict(mean=None, std=None)])
def test_a_student_states_both_or_neither(given, unset, none):
    teacher = dict(mean=[0.4], std=[0.2])
    with pytest.raises(ConfigError) as error:
        student_config(none | {given: [0.5]}, teacher)
    assert str(error.value) == (
        f"student: key '{unset}' is None, but '{given}' is [0.5]; give both, or neither to "
        "take the teacher's"
    )
    for own, want in ((none, ([0.4], [0.2])), (dict(mean=0.0, std=[1.0]), (0.0, [1.0]))):
        student = student_config(own, teacher)
        assert (student['mean'], student['std']) == want
