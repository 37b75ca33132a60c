"""A network that cannot run is an error with its role, the shape and the user's own line."""

import pytest
import torch
from helpers import NO_VAL
from torch import nn

from ssdkd.apis import distill
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


NEAREST = '; the nearest size that works is 24'
MISTAKES = {
    None: ('RuntimeError: mat1 and mat2 shapes', 'return self.linear(', NEAREST),
    'assertion': ('AssertionError: Input height does not match', 'assert x.shape', NEAREST),
    'attribute': ("AttributeError: 'Fixed' object has no", 'return self.missing(x)', ')'),
    'key': ("KeyError: 'logits'", "return {}['logits']", ')'),
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
    assert str(error.value).endswith('; the nearest size that works is 32')
    assert '(in ' not in str(error.value)
