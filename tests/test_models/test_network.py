"""Normalisation, the frozen teacher and the supervised classifier."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn
from torch.utils.data import default_collate

import ssdkd  # noqa: F401
from ssdkd.datasets import Digits
from ssdkd.errors import ConfigError
from ssdkd.models import Classifier, Network, Teacher, load_weights
from ssdkd.registry import MODELS

SMALL = dict(type='CifarResNet', depth=8)


def test_normalisation_against_a_value_by_hand():
    network = Network(nn.Identity(), mean=[0.5, 0.25, 0.0], std=[0.5, 0.25, 2.0])
    images = torch.tensor([1.0, 0.5, 0.5]).reshape(1, 3, 1, 1).expand(2, 3, 4, 5)
    out = network(images)
    assert out.shape == (2, 3, 4, 5)
    assert out[1, :, 2, 3].tolist() == [1.0, 1.0, 0.25]


def test_no_normalisation_by_default():
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(Network(nn.Identity())(images), images)


def test_data_parallel_is_taken_off():
    inner = MODELS.build(SMALL)
    network = Network(nn.DataParallel(inner))
    assert network.model is inner


def test_state_dict_holds_the_model_only():
    network = Network(SMALL, mean=[0.5] * 3, std=[0.5] * 3)
    assert {k.split('.')[0] for k in network.state_dict()} == {'model'}
    MODELS.build(SMALL).load_state_dict(network.model.state_dict())


@pytest.mark.parametrize(
    'key, value',
    [('mean', []), ('mean', 'abc'), ('std', [0.5, 0.0, 0.5]), ('std', [0.5, -0.1, 0.5])],
)
def test_impossible_normalisation(key, value):
    with pytest.raises(ConfigError, match=f"key '{key}' is"):
        Network(nn.Identity(), **{key: value})


@pytest.mark.parametrize(
    'numbers, key',
    [
        (dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]), 'mean'),
        (dict(mean=[103.53, 116.28, 123.675], std=[1.0, 1.0, 1.0]), 'mean'),
        (dict(mean=127.5), 'mean'),
        (dict(mean=[0.0] * 3, std=[255.0] * 3), 'std'),
        (dict(mean=torch.full((3,), 0.5), std=torch.full((3,), 128.0)), 'std'),
    ],
)
@pytest.mark.parametrize('role', [Network, Teacher])
def test_normalisation_for_images_up_to_255(role, numbers, key):
    values = numbers[key]
    values = values.tolist() if isinstance(values, torch.Tensor) else values
    values = [values] if isinstance(values, float) else values
    with pytest.raises(ConfigError) as error:
        role(nn.Identity(), **numbers)
    assert str(error.value) == (
        f"network: key '{key}' is {values}, which is for images up to 255, but ours are in "
        '[0, 1]; divide by 255, both mean and std'
    )


def test_normalisation_that_gives_a_network_pixels_up_to_255():
    network = Network(nn.Identity(), mean=[0.5] * 3, std=[1 / 255] * 3)
    assert network(torch.ones(1, 3, 1, 1)).flatten().tolist() == pytest.approx([127.5] * 3)


@pytest.fixture
def checkpoint(tmp_path):
    torch.save(MODELS.build(SMALL).state_dict(), tmp_path / 'teacher.pth')
    return str(tmp_path / 'teacher.pth')


def test_teacher_needs_weights():
    with pytest.raises(ConfigError, match="key 'checkpoint' is None"):
        MODELS.build(dict(type='Teacher', model=SMALL))
    Teacher(MODELS.build(SMALL))


def test_teacher_never_changes(checkpoint):
    teacher = MODELS.build(dict(type='Teacher', model=SMALL, checkpoint=checkpoint))
    before = copy.deepcopy(teacher.state_dict())
    parent = nn.Sequential(teacher).train()
    assert not any(m.training for m in teacher.modules())
    assert not any(p.requires_grad for p in parent.parameters())
    images = torch.rand(4, 3, 32, 32, requires_grad=True)
    teacher.train()(images).sum().backward()
    assert images.grad.abs().sum() > 0
    for key, value in teacher.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_checkpoint_argument_loads(checkpoint):
    network = Network(SMALL, checkpoint=checkpoint)
    expected = torch.load(checkpoint)['linear.weight']
    assert torch.equal(network.model.linear.weight, expected)


def test_classifier_modes():
    classifier = MODELS.build(
        dict(type='Classifier', network=dict(type='Network', model=SMALL))
    )
    classifier.eval()
    images = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2, 3])
    logits = classifier(images, labels)
    torch.testing.assert_close(logits, classifier.network(images / 255))
    torch.testing.assert_close(logits, classifier(images / 255))
    (prediction,) = classifier(images, labels, mode='predict')
    assert torch.equal(prediction['logits'], logits)
    loss = classifier(images, labels, mode='loss')['loss']
    torch.testing.assert_close(loss, -logits.log_softmax(1)[range(4), labels].mean())


def test_classifier_learns_and_its_checkpoint_makes_a_teacher(tmp_path):
    classifier = Classifier(dict(type='Network', model=SMALL), crop_padding=2, flip=True)
    optim = OptimWrapper(torch.optim.SGD(classifier.parameters(), lr=0.05, momentum=0.9))
    digits = Digits('train', image_size=16)
    batch = default_collate([digits[i] for i in range(32)])
    losses = [classifier.train_step(batch, optim)['loss'].item() for _ in range(12)]
    assert losses[-1] < losses[0]
    torch.save(dict(state_dict=classifier.state_dict()), tmp_path / 'epoch_1.pth')
    model = MODELS.build(SMALL)
    load_weights(model, tmp_path / 'epoch_1.pth')
    assert torch.equal(model.conv1.weight, classifier.network.model.conv1.weight)
