"""Programs of torch.export and TorchScript are named for what they are."""

import pytest
import torch
from torch import nn

from ssdkd.apis import distill
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet, Network, saved_module

SETTINGS = dict(num_classes=10, image_size=16, mean=0.5, std=0.5)


@pytest.fixture(scope='module')
def program():
    return torch.export.export(CifarResNet(8).eval(), (torch.rand(2, 3, 16, 16),))


@pytest.mark.parametrize('role', ['teacher', 'student'])
@pytest.mark.parametrize('form', ['program', 'module'])
def test_a_program_in_distill(program, tmp_path, role, form):
    networks = dict(teacher=CifarResNet(8), student=CifarResNet(8))
    networks[role] = program if form == 'program' else program.module()
    with pytest.raises(ConfigError) as error:
        distill(**networks, **SETTINGS, work_dir=tmp_path / 'run')
    assert str(error.value).startswith(f'{role} is a program of torch.export, which has one ')
    assert str(error.value).endswith('with the weights of program.state_dict')
    assert not (tmp_path / 'run').exists()


def test_the_remedy(program):
    CifarResNet(8).load_state_dict(program.state_dict)


@pytest.mark.filterwarnings('ignore')
def test_files_as_saved_modules(program, tmp_path):
    file = tmp_path / 'a.pt2'
    torch.export.save(program, file)
    with pytest.raises(ConfigError) as error:
        saved_module(str(file))
    assert str(error.value) == (
        f"SavedModule: '{file}' is a program of torch.export, which carries code; write it by "
        'torch.save(module, file), or give its weights as checkpoint'
    )
    file = tmp_path / 'a.pt'
    network = nn.Conv2d(3, 4, 1)
    torch.jit.save(torch.jit.script(network), file)
    images = torch.rand(1, 3, 4, 4)
    assert torch.equal(Network(saved_module(str(file)))(images), network(images))
