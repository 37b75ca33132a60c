"""Networks as users have them, in a form that trains here."""

import copy
import logging

import pytest
import torch
from mmengine.logging import MMLogger
from torch import nn

import ssdkd  # noqa: F401  (before torchvision, which needs its shims)
from ssdkd.models import Network, Teacher


@pytest.fixture
def log(caplog):
    MMLogger.get_instance('test_prepare')
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    yield lambda: [record.getMessage() for record in caplog.records]
    logger.removeHandler(caplog.handler)


def net(norm=nn.BatchNorm2d) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm(4), nn.Flatten(), nn.Linear(64, 2))


@pytest.fixture
def process_group():
    torch.distributed.init_process_group(
        'gloo', store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize('role', [Network, Teacher])
def test_synchronised_batch_norms_on_a_cpu(process_group, role):
    images = torch.rand(4, 3, 6, 6)
    plain, synchronised = net(), net(nn.SyncBatchNorm)
    synchronised.load_state_dict(plain.state_dict())
    keys = list(synchronised.state_dict())
    with pytest.raises(ValueError, match='SyncBatchNorm expected input tensor to be on'):
        synchronised.train()(images)
    network = role(synchronised)
    assert list(network.model.state_dict()) == keys
    assert torch.equal(network.train()(images), role(plain).train()(images))


def statistics(model: nn.Module) -> nn.Module:
    """Let it have seen some images."""
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(4, 3, 32, 32))
    return model.eval()


@pytest.mark.parametrize('name', ['regnetv_040', 'resnetv2_18', 'darknet17', 'inception_v3'])
@pytest.mark.parametrize('role', [Network, Teacher])
def test_synchronised_batch_norms_of_timm_keep_their_activation(role, name):
    """``convert_sync_batchnorm`` shares the layers' act and drop with its own subclass."""
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    size = 96 if name == 'inception_v3' else 32
    plain = timm.create_model(name, num_classes=3)
    if size == 32:
        statistics(plain)
    plain.eval()
    images = torch.rand(2, 3, size, size)
    with torch.no_grad():
        want, keys = plain(images), list(plain.state_dict())
        model = timm.layers.convert_sync_batchnorm(copy.deepcopy(plain))
        network = role(model).eval()
        assert torch.equal(network(images), want)
    assert list(network.model.state_dict()) == keys
    layers = dict(network.model.named_modules())
    for place, layer in plain.named_modules():
        if isinstance(layer, timm.layers.BatchNormAct2d):
            assert type(layers[place]) is type(layer)
            assert type(layers[place].act) is type(layer.act)
            assert layers[place].eps == layer.eps
    assert not any(isinstance(m, nn.SyncBatchNorm) for m in layers.values())


class NormAndHalf(nn.SyncBatchNorm):
    """A layer of a user, which does more than normalise."""

    def forward(self, x):
        return super().forward(x) / 2


class Renamed(nn.SyncBatchNorm):
    pass


def test_other_synchronised_layers_are_not_changed_silently():
    images = torch.rand(4, 3, 6, 6)
    halves = net(NormAndHalf).eval()
    want = halves(images)
    network = Network(halves).eval()
    assert type(network.model[1]) is NormAndHalf and torch.equal(network(images), want)
    shared = net(NormAndHalf).eval()
    shared.insert(2, shared[1])
    want = shared(images)
    network = Network(shared).eval()
    assert network.model[1] is network.model[2] and torch.equal(network(images), want)
    assert type(Network(NormAndHalf(3)).model) is NormAndHalf
    assert not isinstance(Network(net(Renamed)).model[1], nn.SyncBatchNorm)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize('role', [Network, Teacher])
def test_other_precisions(log, dtype, role):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(dtype)
    want = model[0].weight.float()
    network = role(model)
    assert torch.equal(network.model[0].weight, want)
    assert {t.dtype for t in network.state_dict().values()} == {torch.float32, torch.int64}
    assert network(torch.rand(1, 3, 6, 6)).dtype == torch.float32
    name = str(dtype).removeprefix('torch.')
    assert log() == [
        f"Sequential has {name} weights, which are cast to float32; model.autocast='bfloat16' "
        'computes in mixed precision'
    ]


def test_single_precision_is_left_alone(log):
    model = nn.Conv2d(3, 4, 3)
    assert Network(model).model is model and log() == []


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(('name', 'size'), [('googlenet', 64), ('inception_v3', 299)])
def test_auxiliary_outputs_of_torchvision_are_ignored(name, size):
    torchvision = pytest.importorskip('torchvision')
    torch.manual_seed(0)
    model = torchvision.models.get_model(
        name, weights=None, init_weights=False, num_classes=3, aux_logits=True
    )
    images = torch.rand(2, 3, size, size)
    for p in (m for m in model.modules() if isinstance(m, nn.Dropout)):
        p.p = 0.0
    with torch.no_grad():
        want = model.train()(images).logits
        assert torch.equal(Network(model).train()(images), want)
        assert Teacher(model).train()(images).shape == (2, 3)
