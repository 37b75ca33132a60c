"""Whatever a network returns: its logits are found, and the log says where."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.models import Network, Teacher

N, K = 2, 5
Z = torch.arange(10.0).reshape(N, K)  # the logits
H = torch.ones(N, 7)  # features
IMAGES = torch.rand(N, 3, 8, 8)
Named = namedtuple('Named', 'features logits aux', defaults=(None,))


@dataclass
class Classified:
    """As a Hugging Face output: absent parts are None."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple | None = None


class ModelOutput(OrderedDict):
    """As that of Hugging Face: a dict with attributes."""


class Returns(nn.Module):
    """A network that returns the same for all images."""

    def __init__(self, output):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.output = output

    def forward(self, images):
        return self.output


def logits_of(output):
    return output['heads'][1]


def logits_in(output):
    return dict(logits=output['heads'][1])


def ask(returned, **arguments):
    network = Network(Returns(returned), **arguments)
    return network(IMAGES), network.reader


FOUND = {
    'logits of a dict': (dict(logits=Z, features=H), 'a dict (logits [2, 5], features [2, 7])'),
    'out of a dict': (dict(aux=H, out=Z), 'a dict (aux [2, 7], out [2, 5])'),
    'the only tensor of a dict': (dict(y=Z, labels=Z.argmax(1), loss=torch.ones(())), 'a dict'),
    'a tuple': ((Z, H), 'a tuple (0 [2, 5], 1 [2, 7])'),
    'a list': ([Z, [H, H]], 'a list (0 [2, 5], 1: list of 2)'),
    'a tuple in a tuple': (((Z, H), H), 'a tuple (0: tuple of 2, 1 [2, 7])'),
    'a dict in a list': ([dict(logits=Z), dict(logits=H)], 'a list (0: dict of 1'),
    'a named tuple': (Named(H, Z), 'a Named (features [2, 7], logits [2, 5])'),
    'a dataclass': (Classified(logits=Z, hidden_states=(H, H)), 'a Classified (logits [2, 5]'),
    'a ModelOutput': (ModelOutput(logits=Z, attentions=(H,)), 'a ModelOutput (logits [2, 5]'),
    'any object': (SimpleNamespace(logits=Z, features=H), 'a SimpleNamespace (logits [2, 5]'),
}


@pytest.mark.parametrize('case', FOUND)
def test_what_is_found(case):
    output, described = FOUND[case]
    logits, reader = ask(output)
    assert torch.equal(logits, Z)
    assert reader.line.startswith(f'Returns returns {described}')
    assert reader.line.endswith(' is taken as logits')


def test_a_tensor_needs_no_line():
    logits, reader = ask(Z)
    assert torch.equal(logits, Z) and reader.line is None


SHAPES = {
    '[N, K, 1, 1]': (Z[:, :, None, None], Z),
    '[N, K, 1]': (Z[:, :, None], Z),
    '[N]': (Z[:, 0], Z[:, :1]),
}


@pytest.mark.parametrize('case', SHAPES)
def test_forms_of_logits(case):
    given, wanted = SHAPES[case]
    logits, reader = ask(given)
    assert torch.equal(logits, wanted)
    shapes = f'{list(given.shape)} as {list(wanted.shape)}'
    assert reader.line == f'Returns returns logits {shapes}'
    assert ask((given, H))[1].line.endswith(f'element 0 is taken as logits, {shapes}')


def test_a_squeezed_single_image():
    network = Network(Returns(torch.tensor(3.0)))
    assert network(IMAGES[:1]).tolist() == [[3.0]]


def test_maps_of_logits_are_still_enlarged():
    maps = torch.rand(N, K, 2, 2)
    assert ask(maps)[0].shape == (N, K, 8, 8)


NAMED = [
    (dict(a=Z, b=H), 'a', "'a'"),
    ((H, Z), 1, 'element 1'),
    ((H, Z), -1, 'element -1'),
    (Named(H, Z), 1, 'element 1'),
    (Classified(loss=H, logits=Z), 1, 'element 1'),
    (dict(heads=(H, Z)), f'{__name__}.logits_of', f'{__name__}.logits_of()'),
    (dict(heads=(H, Z)), f'{__name__}.logits_in', f"'logits' of {__name__}.logits_in()"),
    (dict(heads=(Z, H), logits=H), 'heads', "element 0 of 'heads'"),
    ({'a.b': Z, 'logits': H}, 'a.b', "'a.b'"),
]


@pytest.mark.parametrize('output, named, place', NAMED)
def test_what_is_named(output, named, place):
    logits, reader = ask(output, output=named)
    assert torch.equal(logits, Z)
    assert f': {place} is taken as logits' in reader.line


AMBIGUOUS = {
    'two tensors': (
        dict(features=H, prediction=Z),
        'Returns returns a dict (features [2, 7], prediction [2, 5]), and which of them are '
        "the logits is ambiguous; say output='features' or output='prediction'",
    ),
    'both names': (dict(logits=Z, out=H), "say output='logits' or output='out'"),
    'a loss first': ((torch.ones(()), Z), 'ambiguous; say output=1'),
    'a named tuple': (namedtuple('Pair', 'a b')(H, Z), "output='a' or output='b'"),
    'labels': (dict(labels=Z.argmax(1)), 'by output= which function finds them'),
    'nothing': (None, 'Returns returns a NoneType, in which there are no logits'),
    'an empty dict': ({}, 'a dict, in which there are no logits'),
}


@pytest.mark.parametrize('case', AMBIGUOUS)
def test_what_is_ambiguous(case):
    output, message = AMBIGUOUS[case]
    with pytest.raises(ConfigError) as error:
        ask(output)
    assert message in str(error.value)


@pytest.mark.parametrize(
    'output, named, message',
    [
        (
            dict(a=Z, b=H),
            'c',
            "output='c', but Returns returns a dict (a [2, 5], b [",
        ),
        (dict(a=Z), 3, "output=3, but Returns returns a dict (a [2, 5]); say output='a'"),
        (Z, 'logits', 'but Returns returns a tensor [2, 5]; leave output out'),
        ((Z,), 'no.such', "output='no.such' is no key of what Returns returns, and cannot be"),
        ((Z,), f'{__name__}.K', 'is of type int; name a function'),
        ((Z,), 1.5, 'output=1.5 must be a key, an index, or the import path of a function'),
        ((Z,), '', "output='' must be"),
    ],
)
def test_a_wrong_name(output, named, message):
    with pytest.raises(ConfigError) as error:
        ask(output, output=named)
    assert message in str(error.value)


def test_teachers_take_the_same_argument():
    teacher = Teacher(Returns((H, Z)), output=1)
    assert torch.equal(teacher(IMAGES), Z)


class OnlyInTraining(Returns):
    def forward(self, images):
        return Named(H, Z) if self.training else Z


def test_what_differs_in_training_is_said_once(log):
    network = Network(OnlyInTraining(None)).eval()
    for _ in range(2):
        assert torch.equal(network.eval()(IMAGES), Z)
        assert log() == []
    for _ in range(2):
        assert torch.equal(network.train()(IMAGES), Z)
        network.eval()(IMAGES)
    (line,) = log()
    assert line == (
        "OnlyInTraining returns a Named (features [2, 7], logits [2, 5]): 'logits' is taken as "
        'logits'
    )
