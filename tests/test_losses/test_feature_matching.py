"""Feature matching against numpy, between layers of the same and of other names."""

import copy

import numpy as np
import pytest
import torch
from helpers import build_distiller, compared
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.losses import FeatureMatchingLoss
from ssdkd.models import Network, Teacher
from ssdkd.registry import MODELS


class Named(nn.Module):
    """One convolution under a name of choice, then the logits."""

    def __init__(self, name, channels=4):
        super().__init__()
        self.add_module(name, nn.Conv2d(3, channels, 3, stride=2))
        self.head = nn.Linear(channels, 10)
        self.name = name

    def forward(self, x):
        return self.head(getattr(self, self.name)(x).mean((2, 3)))


def images(n=4):
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def networks(student_name='stage1', channels=4):
    torch.manual_seed(0)
    return Teacher(Named('layer1')), Network(Named(student_name, channels))


def value(teacher, student, layers=None):
    loss = FeatureMatchingLoss(layers=layers)
    loss.attach(teacher, student)
    return compared(loss, teacher, student, images())


@pytest.mark.parametrize(
    'student_name, layers', [('layer1', None), ('layer1', ['layer1']), ('a', dict(a='layer1'))]
)
def test_against_numpy(student_name, layers):
    teacher, student = networks(student_name)
    result = value(teacher, student, layers)
    s, t = (
        getattr(n.model, n.model.name)(images()).detach().double().numpy().reshape(4, -1)
        for n in (student, teacher)
    )
    expected = np.linalg.norm(s - t, axis=1) ** 2 / np.linalg.norm(t, axis=1) ** 2
    np.testing.assert_allclose(result.detach(), expected, rtol=1e-5)


def test_equal_features_and_gradient():
    teacher, _ = networks()
    student = Network(copy.deepcopy(teacher.model).requires_grad_(True))
    np.testing.assert_array_equal(value(teacher, student).detach(), np.zeros(4))
    with torch.no_grad():
        student.model.layer1.bias += 0.1
    value(teacher, student).sum().backward()
    assert student.model.layer1.weight.grad.abs().sum() > 0
    assert student.model.head.weight.grad is None


def test_features_that_are_zero():
    teacher, student = networks('layer1')
    for parameter in teacher.model.layer1.parameters():
        parameter.zero_()
    assert value(teacher, student).isfinite().all()


def test_misfits_show_before_training(tiny, monkeypatch):
    monkeypatch.setitem(MODELS._module_dict, 'Named', Named)
    cfg = tiny()
    cfg.model.student.model = dict(type='Named', name='stage1', channels=16)
    cfg.model.distillation.hint = dict(type='FeatureMatchingLoss', layers={'stage1': 'layer2'})
    message = r"FeatureMatchingLoss: the student's layer 'stage1' gives \[16, 7, 7\] and the "
    with pytest.raises(ConfigError, match=message):
        build_distiller(cfg)


def test_no_layers_in_common():
    with pytest.raises(ConfigError, match="give layers={'name in the student': 'name in the"):
        value(*networks('first'))


def test_what_is_left_out_is_one_sentence_in_the_log(log):
    loss = FeatureMatchingLoss(skip_misfits=True)
    teacher, student = networks('first')
    loss.attach(teacher, student)
    assert compared(loss, teacher, student, images()).tolist() == [0] * 4
    assert log() == [
        'model.distillation: FeatureMatchingLoss is not used: it compares stages that teacher '
        'and student have under one name (layer1, block1, ...), and these networks share none. '
        'The other terms train the student.'
    ]
    teacher, student = networks('layer1', channels=8)
    loss.attach(teacher, student)
    for _ in range(2):
        compared(loss, teacher, student, images())
    assert log()[1:] == [
        "model.distillation: FeatureMatchingLoss leaves out a layer: the student's layer "
        "'layer1' gives [8, 7, 7] and the teacher's 'layer1' [4, 7, 7]."
    ]
    assert loss.student_layers == loss.teacher_layers == ()
