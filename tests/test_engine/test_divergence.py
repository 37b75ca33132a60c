"""A run that diverges stops before the checkpoint of that round, and says what broke."""

import math
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, build_runner
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ssdkd.engine import DistillLoop
from ssdkd.engine.finite import not_finite, training_tensors
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet

# What breaks, and what the user can do about it.
PLACES = {
    'student.model.conv1.weight': 'Lower optim_wrapper.student.optimizer.lr',
    'student.model.bn1.running_var': 'Lower optim_wrapper.student.optimizer.lr',
    'optim_wrapper.student: momentum_buffer of student.model.conv1.weight': (
        'Lower optim_wrapper.student.optimizer.lr'
    ),
    'synthesizer.generator.layers.3.running_mean': 'Lower optim_wrapper.generator.optimizer.lr',
    'synthesizer.losses.bn.average': 'Lower optim_wrapper.generator.optimizer.lr',
    'optim_wrapper.generator: exp_avg_sq of synthesizer.generator.linear.bias': (
        'Lower optim_wrapper.generator.optimizer.lr'
    ),
    'buffer: confidence': 'the samples',
    'buffer: class_counts': 'the samples',
}


def break_in_round(monkeypatch, number: int, name: str, value: float) -> None:
    """Write ``value`` into one number of a tensor at the end of this round, counted from 1."""
    run_steps = DistillLoop.run_steps

    def broken(loop, log):
        run_steps(loop, log)
        if loop.epoch + 1 == number:
            tensors = training_tensors(loop.distiller, loop.runner.optim_wrapper)
            tensor = tensors[name].detach()
            tensor[(-1,) * tensor.ndim] = value

    monkeypatch.setattr(DistillLoop, 'run_steps', broken)


@pytest.mark.parametrize('name', PLACES)
def test_what_broke_is_named_and_not_saved(tiny, monkeypatch, name):
    break_in_round(monkeypatch, 3, name, math.inf)
    cfg = tiny(NO_VAL)
    with pytest.raises(ConfigError) as error:
        build_runner(cfg).train()
    message = str(error.value)
    assert f"training stopped in round 3: '{name}' is not finite" in message
    assert 'run/round_2.pth' in message and PLACES[name] in message
    assert not (Path(cfg.work_dir) / 'round_3.pth').exists()


def test_no_best_checkpoint_of_a_broken_round(tiny, monkeypatch):
    break_in_round(monkeypatch, 2, 'student.model.bn1.running_mean', math.nan)
    cfg = tiny()  # which would validate after round 2
    with pytest.raises(ConfigError, match='round 2'):
        build_runner(cfg).train()
    assert not list(Path(cfg.work_dir).glob('best*'))


class Masked(CifarResNet):
    """A student with a constant that is infinite on purpose, as attention masks are."""

    def __init__(self):
        super().__init__(8)
        self.register_buffer('mask', torch.full((2,), -math.inf))


def test_constants_may_be_infinite(tiny):
    cfg = tiny(NO_VAL)
    cfg.model.student.model = dict(type='module', path=f'{__name__}.Masked')
    build_runner(cfg).train()


def test_one_read_of_the_device_for_all_tensors(monkeypatch):
    class Reads(TorchDispatchMode):
        found = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.found += 'local_scalar' in str(function)
            return function(*args, **kwargs or {})

    to_list, lists = torch.Tensor.tolist, []
    monkeypatch.setattr(torch.Tensor, 'tolist', lambda t: lists.append(0) or to_list(t))
    tensors = dict(nn.BatchNorm2d(3).state_dict(), empty=torch.zeros(0))
    with Reads() as reads:
        assert not_finite(tensors) == []
        assert reads.found == 0 and len(lists) == 1
    tensors['running_var'][1] = math.nan
    tensors['bias'][0] = -math.inf
    assert not_finite(tensors) == ['bias', 'running_var']
