"""Every wrapping that is understood, and every file that must be refused with a reason."""

import os

import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

import ssdkd  # noqa: F401
from ssdkd.errors import ConfigError
from ssdkd.models import Network, ResNet, load_weights


class Net(nn.Module):
    """A network with parameters, buffers, and a child that is itself called ``model``."""

    def __init__(self, num_classes: int = 10):
        super().__init__()
        self.model = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4, num_classes)


def prefixed(state, prefix):
    return {prefix + k: v for k, v in state.items()}


def random_state(num_classes=10):
    return {k: torch.rand(v.shape).to(v) for k, v in Net(num_classes).state_dict().items()}


WRAPPINGS = {
    'plain': lambda s: s,
    'state_dict': lambda s: dict(state_dict=s, epoch=3),
    'model': lambda s: dict(model=s, optimizer=dict(lr=0.1)),
    'model_state_dict': lambda s: dict(model_state_dict=s),
    'net': lambda s: dict(net=s, acc=95.7),
    'ema': lambda s: dict(ema=s),
    'data parallel': lambda s: prefixed(s, 'module.'),
    'data parallel in state_dict': lambda s: dict(state_dict=prefixed(s, 'module.')),
    'our teacher': lambda s: dict(
        state_dict=prefixed(s, 'network.model.'),
        meta=dict(epoch=1),
        message_hub=dict(),
    ),
    'our network': lambda s: prefixed(s, 'model.'),
    'our distillation': lambda s: dict(
        state_dict=prefixed(random_state(), 'teacher.model.')
        | prefixed(s, 'student.model.')
        | prefixed(dict(weight=torch.zeros(3)), 'generator.')
    ),
}


@pytest.mark.parametrize('wrapping', WRAPPINGS)
def test_wrappings(tmp_path, wrapping):
    state, model = random_state(), Net()
    torch.save(WRAPPINGS[wrapping](state), tmp_path / 'weights.pth')
    load_weights(model, tmp_path / 'weights.pth')
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_scalar_histories_of_mmengine_do_not_hinder(tmp_path):
    history = HistoryBuffer([0.5], [1])
    torch.save(
        dict(state_dict=prefixed(random_state(), 'network.model.'), message_hub=history),
        tmp_path / 'epoch_1.pth',
    )
    load_weights(Net(), tmp_path / 'epoch_1.pth')


def test_an_explicit_prefix_decides(tmp_path):
    student, teacher = random_state(), random_state()
    both = prefixed(student, 'student.model.') | prefixed(teacher, 'teacher.model.')
    torch.save(dict(state_dict=both), tmp_path / 'epoch_1.pth')
    model = Net()
    load_weights(model, tmp_path / 'epoch_1.pth', prefix='teacher.model.')
    assert torch.equal(model.linear.weight, teacher['linear.weight'])


def test_loads_what_a_plain_save_of_network_model_wrote(tmp_path):
    network = Network(Net())
    torch.save(network.model.state_dict(), tmp_path / 'student.pth')
    Net().load_state_dict(torch.load(tmp_path / 'student.pth'))
    load_weights(Net(), str(tmp_path / 'student.pth'))


def test_counters_of_old_files_may_be_absent(tmp_path):
    state = random_state()
    del state['bn.num_batches_tracked']
    torch.save(dict(state), tmp_path / 'old.pth')
    load_weights(Net(), tmp_path / 'old.pth')


def refused(path, model=None, **kwargs) -> str:
    with pytest.raises(ConfigError) as info:
        load_weights(model or Net(), path, **kwargs)
    message = str(info.value)
    assert "key 'checkpoint'" in message and str(path) in message
    assert '\n' not in message
    return message


def test_missing_file(tmp_path):
    assert 'there is no file' in refused(tmp_path / 'absent.pth')


def test_truncated_file(tmp_path):
    torch.save(random_state(), tmp_path / 'whole.pth')
    content = (tmp_path / 'whole.pth').read_bytes()
    for size in (0, 1, 100, len(content) // 2, len(content) - 1):
        (tmp_path / 'part.pth').write_bytes(content[:size])
        assert 'truncated' in refused(tmp_path / 'part.pth')


@pytest.mark.parametrize('content', [b'hello, world', b'<html>404</html>', b'\x80\x05K\x01.'])
def test_not_a_checkpoint(tmp_path, content):
    (tmp_path / 'page.pth').write_bytes(content)
    refused(tmp_path / 'page.pth')


class Harmful:
    def __reduce__(self):
        return os.system, ('touch harmed',)


@pytest.mark.parametrize('legacy', [False, True])
def test_pickled_code_is_refused_and_not_run(tmp_path, monkeypatch, legacy):
    monkeypatch.chdir(tmp_path)
    torch.save(
        dict(state_dict=random_state(), extra=Harmful()),
        'code.pth',
        _use_new_zipfile_serialization=not legacy,
    )
    assert f'pickled code ({os.system.__module__}.system)' in refused('code.pth')
    assert not (tmp_path / 'harmed').exists()


def test_a_whole_module_is_refused(tmp_path):
    torch.save(Net(), tmp_path / 'module.pth')
    assert 'state_dict() alone' in refused(tmp_path / 'module.pth')


def test_a_tensor_is_no_checkpoint(tmp_path):
    torch.save(torch.zeros(3), tmp_path / 'tensor.pth')
    assert 'holds a Tensor; it must hold a state dict' in refused(tmp_path / 'tensor.pth')


def test_wrong_keys(tmp_path):
    state = random_state()
    state['fc.weight'], state['fc.bias'] = state.pop('linear.weight'), state.pop('linear.bias')
    torch.save(prefixed(state, 'module.'), tmp_path / 'other.pth')
    message = refused(tmp_path / 'other.pth')
    assert '2 keys missing (linear.weight, linear.bias)' in message
    assert '2 keys unexpected (fc.weight, fc.bias)' in message


def test_of_many_wrong_keys_only_the_first_are_named(tmp_path):
    torch.save(dict(w=torch.zeros(1)), tmp_path / 'other.pth')
    message = refused(tmp_path / 'other.pth', ResNet(18))
    assert '102 keys missing (conv1.weight, bn1.weight, bn1.bias, ...)' in message
    assert '1 keys unexpected (w)' in message


def test_wrong_prefix(tmp_path):
    torch.save(random_state(), tmp_path / 'plain.pth')
    assert 'keys missing' in refused(tmp_path / 'plain.pth', prefix='student.model.')


def test_wrong_shapes(tmp_path):
    torch.save(random_state(num_classes=100), tmp_path / 'cifar100.pth')
    message = refused(tmp_path / 'cifar100.pth')
    assert 'linear.weight is [100, 4] in the file, [10, 4] in the model (and 1 more)' in message
    assert 'is num_classes right?' in message
