"""Weights that loading would change are refused by the name of their key."""

import pytest
import torch
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.models import load_weights


@pytest.fixture
def load(tmp_path):
    """Load a network's own weights after one of them was replaced."""

    def load(key: str, change) -> nn.Module:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
        state = model.state_dict()
        state[key] = change(state[key])
        torch.save(state, tmp_path / 'teacher.pth')
        load_weights(model, tmp_path / 'teacher.pth')
        return model

    return load


@pytest.mark.parametrize(
    'change',
    [
        lambda w: (w * 100).to(torch.int8),
        lambda w: w > 0,
        lambda w: w.to(torch.complex64),
        lambda w: w.to(torch.float8_e4m3fn),
        lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8),
    ],
    ids=['int8', 'bool', 'complex', 'float8', 'quantised'],
)
@pytest.mark.filterwarnings('ignore')
def test_weights_of_another_kind(load, change):
    with pytest.raises(ConfigError, match=r'0.weight is torch.\w+ in the file, torch.float32'):
        load('0.weight', change)


@pytest.mark.parametrize('count', [2.5, float('nan'), 1e30])
def test_counter_that_is_no_integer(load, count):
    with pytest.raises(ConfigError, match='num_batches_tracked is torch.float32 in the file'):
        load('1.num_batches_tracked', lambda w: torch.tensor(count))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_precision_of_floats(load, dtype):
    model = load('0.weight', lambda w: w.to(dtype))
    assert model[0].weight.dtype == torch.float32


@pytest.mark.parametrize('dtype', [torch.int32, torch.float32])
def test_counter_of_another_width(load, dtype):
    model = load('1.num_batches_tracked', lambda w: torch.tensor(7, dtype=dtype))
    assert model[1].num_batches_tracked == 7
