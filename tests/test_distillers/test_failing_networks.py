"""A network that cannot run is an error with its role, the shape and the user's own line."""

import random

import pytest
import torch
from helpers import NO_VAL, build_runner
from torch import nn

from ssdkd.apis import distill
from ssdkd.distillers.training_pass import check_inversion_pass, check_training_pass
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS


class Fixed(nn.Module):
    """A network for images of 24 pixels, and mistakes of a forward."""

    def __init__(self, num_classes: int = 10, mistake: str | None = None):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.bn = nn.BatchNorm2d(2)
        self.linear = nn.Linear(2 * 24 * 24, num_classes)
        self.mistake = mistake

    def forward(self, x):
        if self.mistake == 'attribute':
            return self.missing(x)
        if self.mistake == 'key':
            return {}['logits']
        if self.mistake == 'assertion':
            assert x.shape[2] == 24, 'Input height does not match'
        return self.linear(self.bn(self.conv(x)).flatten(1))


NONE = '); no usual size works; if it is made for one size, set image_size to that'
NEAREST = '; the nearest image_size that works is 24'
MISTAKES = {
    None: ('RuntimeError: mat1 and mat2 shapes', 'return self.linear(', NEAREST),
    'assertion': ('AssertionError: Input height does not match', 'assert x.shape', NEAREST),
    'attribute': ("AttributeError: 'Fixed' object has no", 'return self.missing(x)', NONE),
    'key': ("KeyError: 'logits'", "return {}['logits']", NONE),
}


@pytest.mark.parametrize('role', ['teacher', 'student'])
@pytest.mark.parametrize('mistake', MISTAKES)
def test_the_message(tiny, tmp_path, role, mistake):
    error_text, line, end = MISTAKES[mistake]
    torch.save(Fixed().state_dict(), tmp_path / 'fixed.pth')
    model = dict(type='module', path=f'{__name__}.Fixed', mistake=mistake, _delete_=True)
    tiny()  # writes the teacher of the config
    cfg = tiny(NO_VAL | {f'model.{role}.model': model})
    cfg.model[role].checkpoint = str(tmp_path / 'fixed.pth')
    with pytest.raises(ConfigError) as error:
        MODELS.build(cfg.model)
    message = str(error.value)
    assert message.startswith(
        f'model.{role} cannot take images of (16, 16) pixels: its forward fails for shape '
        f'[1, 3, 16, 16] with {error_text}'
    )
    assert '(in test_failing_networks.py, line ' in message and line in message
    assert message.endswith(end) and '\n' not in message


def test_without_a_line_of_the_user(tmp_path):
    teacher = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 30 * 30, 4))
    settings = dict(num_classes=4, image_size=16, mean=0.5, std=0.5, work_dir=tmp_path / 'a')
    with pytest.raises(ConfigError) as error:
        distill(teacher, nn.Sequential(*teacher), **settings)
    assert str(error.value).endswith('; the nearest image_size that works is 32')
    assert '(in ' not in str(error.value)


class Trained(nn.Module):
    """A network that works in evaluation mode alone."""

    def __init__(self, num_classes: int = 10, mistake: str = 'call', depth: int = 8):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(4, num_classes)
        self.mistake = mistake

    def forward(self, x):
        x = self.dropout(self.bn(self.conv(x)).mean((2, 3)))
        if self.training and self.mistake == 'call':
            return self.auxiliary(x)
        if self.training and self.mistake == 'form':
            return [self.linear(x)[:, :2]]
        if self.training and self.mistake == 'gradient':
            x, self.linear.weight.requires_grad = x.detach(), False
            return self.linear(x).detach()
        return self.linear(x)


@pytest.mark.parametrize(
    'mistake, message',
    [
        (
            'call',
            r'model.student cannot train: in training mode it fails for images of shape '
            r"\[16, 3, 16, 16\] with AttributeError: 'Trained' object has no attribute "
            r"'auxiliary' \(in test_failing_networks.py, line \d+: return self.auxiliary\(x\)",
        ),
        ('form', 'model.student in training mode (gives|has)'),
        ('gradient', 'cannot train: .* does not require grad'),
    ],
)
def test_a_student_that_fails_only_in_training_mode(tiny, mistake, message):
    model = dict(type='module', path=f'{__name__}.Trained', mistake=mistake, _delete_=True)
    runner = build_runner(tiny(NO_VAL | {'model.student.model': model}))
    with pytest.raises(ConfigError, match=message):
        runner.train()
    assert runner.train_loop.epoch == 0


def test_parameters_without_gradient_in_several_processes(distiller, monkeypatch):
    model = distiller.student.model
    model.head = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    check_training_pass(distiller)
    monkeypatch.setattr('ssdkd.distillers.training_pass.get_world_size', lambda: 2)
    with pytest.raises(ConfigError) as error:
        check_training_pass(distiller)
    assert str(error.value) == (
        'model.student: 4 parameters without gradient, as its output does not depend on '
        'them (model.head.0.weight, model.head.0.bias, model.head.1.weight, ...); several '
        'processes cannot train it so: set their requires_grad=False, or use one process'
    )
    model.head.requires_grad_(False)
    check_training_pass(distiller)


def test_the_training_pass_leaves_no_trace(distiller):
    network, states = distiller.student, (torch.get_rng_state(), random.getstate())
    network.model = nn.Sequential(network.model, nn.Dropout(0.5))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    network.eval()
    check_training_pass(distiller)
    check_inversion_pass(distiller)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert not network.training and all(p.grad is None for p in network.parameters())
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]


class Read(nn.Module):
    """A teacher that works where no gradients are needed."""

    def __init__(self, num_classes: int = 10, mistake: str = 'none'):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4, num_classes)
        self.mistake = mistake

    def forward(self, x):
        if self.mistake == 'numpy':
            x = torch.from_numpy(x.numpy())
        if self.mistake == 'no_grad':
            with torch.no_grad():
                x = self.bn(self.conv(x))
        elif self.mistake == 'detach':
            x = self.bn(self.conv(x)).detach()
        else:
            x = self.bn(self.conv(x))
        if self.mistake == 'rounded':
            x = x.round().int().float()
        return self.linear(x.mean((2, 3)))


UNREACHED = (
    'model.teacher cannot be inverted: no gradient reaches the images from its output; its '
    'forward must not use no_grad, detach, argmax or numpy'
)


@pytest.fixture
def reading(tiny, tmp_path):
    """Makes a run with such a teacher."""

    def make(mistake: str, options: dict):
        torch.save(Read().state_dict(), tmp_path / 'read.pth')
        tiny()  # writes the teacher of the config
        model = dict(type='module', path=f'{__name__}.Read', mistake=mistake, _delete_=True)
        cfg = tiny(NO_VAL | {'model.teacher.model': model} | options)
        cfg.model.teacher.checkpoint = str(tmp_path / 'read.pth')
        return build_runner(cfg)

    return make


@pytest.mark.parametrize('mistake', ['no_grad', 'detach', 'rounded', 'numpy'])
def test_a_teacher_without_gradients(reading, mistake):
    runner = reading(mistake, {})
    with pytest.raises(ConfigError) as error:
        runner.train()
    assert runner.train_loop.epoch == 0
    message = str(error.value)
    if mistake == 'no_grad':
        assert "layer 'model.bn' of the teacher runs without gradients" in message
    elif mistake == 'numpy':
        assert message.startswith(
            'model.teacher cannot be inverted: where gradients are needed, it fails for images '
            "of shape [2, 3, 16, 16] with RuntimeError: Can't call numpy() on Tensor that"
        )
        assert 'x = torch.from_numpy(x.numpy())' in message
    else:
        assert message == UNREACHED


def test_noise_needs_no_gradients(reading):
    noise = dict(_delete_=True, type='NoiseSynthesizer', image_size=16, batch_size=16)
    reading('no_grad', {'model.synthesizer': noise}).train()
