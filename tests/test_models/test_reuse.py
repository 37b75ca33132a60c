"""A student that starts with layers of its teacher."""

import pytest
import torch
from helpers import build_distiller
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.models import reuse_layers


def block(convolution, norm, channels=4):
    """A convolution and its batch norm under the names that a library gives them."""
    layers = {convolution: nn.Conv2d(3, channels, 3), norm: nn.BatchNorm2d(channels)}
    module = nn.Sequential()
    for name, layer in layers.items():
        module.add_module(name, layer)
    return module


def pair(channels=4):
    torch.manual_seed(0)
    student = nn.ModuleDict(dict(stem=block('conv', 'bn', channels), head=nn.Linear(2, 2)))
    teacher = nn.ModuleDict(dict(first=block('conv_stem', 'bn1'), head=nn.Linear(2, 2)))
    teacher['first'](torch.rand(4, 3, 8, 8))  # statistics that are not those of a new layer
    return student, teacher


def test_the_layers_give_the_same_and_the_others_stay():
    student, teacher = pair()
    head = student['head'].weight.clone()
    reuse_layers(student, teacher, {'stem': 'first'})
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(
        student.eval()['stem'](x), teacher.eval()['first'](x), rtol=0, atol=0
    )
    assert torch.equal(student['head'].weight, head)
    with torch.no_grad():
        student['stem'].conv.weight.zero_()
    assert teacher['first'].conv_stem.weight.any()  # a copy, not the same tensor


@pytest.mark.parametrize(
    'channels, layers, message',
    [
        (5, {'stem': 'first'}, r'of \[5, 3, 3, 3\], .* of \[4, 3, 3, 3\], '),
        (4, {'stem': 'head'}, r'of \[4, 3, 3, 3\], .* of \[2, 2\], \[2\];'),
        (4, {'tail': 'head'}, "names 'tail', which the student does not have"),
        (4, {'head': 'tail'}, "names 'tail', which the teacher does not have; .* first, head"),
    ],
)
def test_misfits(channels, layers, message):
    with pytest.raises(ConfigError, match=f'model.reuse.*{message}'):
        reuse_layers(*pair(channels), layers)


def test_in_the_distiller(tiny):
    distiller = build_distiller(tiny({'model.reuse': dict(linear='linear')}))
    teacher, student = (n.model.linear.weight for n in (distiller.teacher, distiller.student))
    assert torch.equal(teacher, student)
