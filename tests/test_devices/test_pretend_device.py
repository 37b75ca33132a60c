"""The pretend device is as strict as a real one where it matters, and computes as the CPU."""

import io

import pytest
import torch
from pretend_device import CAN_PRETEND, pretend_device
from torch import nn

pytestmark = pytest.mark.skipif(not CAN_PRETEND, reason='this torch has no Python backends')


@pytest.fixture
def device():
    with pretend_device() as device:
        yield device


def train(place: str) -> list[torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(144, 2),
    )
    images, labels = torch.randn(6, 3, 8, 8).to(place), torch.arange(6).remainder(2).to(place)
    network.to(place)
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    assert all(value.device.type == place for value in network.state_dict().values())
    return [value.cpu() for value in network.state_dict().values()]


def test_it_computes_as_the_cpu(device):
    for here, there in zip(train('cpu'), train('pretend')):
        assert torch.equal(here, there)


def test_it_is_there_inside_alone(device):
    from mmengine.device import get_device

    assert get_device() == 'pretend' and torch.zeros(2, device='pretend').device.index == 0
    assert torch.Generator('cpu').device.type == 'cpu'


def test_it_is_gone_after():
    from mmengine.device import get_device

    with pretend_device():
        pass
    assert get_device() != 'pretend' and not torch.pretend.is_available()
    assert type(torch.Generator()) is torch.Generator


@pytest.mark.parametrize(
    'mixed',
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.cat([x, torch.ones(3)]),
        lambda x: x[torch.tensor([0])],
        lambda x: torch.where(torch.ones(3).bool(), x, x),
        lambda x: torch.randn(3, generator=torch.Generator('pretend'), device='cpu'),
        lambda x: torch.randn(3, generator=torch.Generator(), device='pretend'),
        lambda x: nn.Linear(3, 3)(x),
    ],
)
def test_it_refuses_to_mix(device, mixed):
    with pytest.raises(RuntimeError, match='same device|device type for generator'):
        mixed(torch.ones(3, device='pretend'))


def test_a_number_of_the_host_may_be_an_operand(device):
    x = torch.ones(3, device='pretend') * torch.tensor(2.0)
    assert not device.waits and x.tolist() == [2.0] * 3 and len(device.waits) == 1


def test_numpy_cannot_see_it(device):
    with pytest.raises(TypeError, match='to numpy'):
        torch.ones(3, device='pretend').numpy()


def test_copies(device):
    x = torch.arange(3.0).to('pretend')
    x.to('pretend'), torch.arange(3.0).to('pretend', non_blocking=True), torch.zeros(2)
    assert [wait.kind for wait in device.waits] == ['upload']
    y = torch.zeros(3)
    y.copy_(x)
    assert type(y) is torch.Tensor and y.tolist() == [0.0, 1.0, 2.0]
    assert [wait.kind for wait in device.waits] == ['upload', 'read']
    assert device.waits[1].place.startswith('tests/test_devices/test_pretend_device.py')


def test_a_file_from_it_is_read_without_it():
    file = io.BytesIO()
    with pretend_device():
        torch.save(torch.arange(3).to('pretend'), file)
        file.seek(0)
        assert torch.load(file).device.type == 'pretend'
    file.seek(0)
    assert torch.load(file, map_location='cpu', weights_only=True).tolist() == [0, 1, 2]


def test_generators_of_two_devices_have_different_states(device):
    here, there = torch.Generator('cpu'), torch.Generator('pretend').manual_seed(3)
    state = there.get_state()
    first = torch.randn(3, generator=there, device='pretend').cpu()
    there.set_state(state)
    assert torch.equal(first, torch.randn(3, generator=there, device='pretend').cpu())
    with pytest.raises(RuntimeError, match='wrong size'):
        there.set_state(here.get_state())
