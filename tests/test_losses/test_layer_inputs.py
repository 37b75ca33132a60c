"""The inputs of the right layers, however the teacher is built, wrapped, copied or compiled."""

import copy
import io

import numpy as np
import pytest
import torch
from mmengine.model import convert_sync_batchnorm
from own_statistics import remember, size
from timm.layers import (
    BatchNormAct2d,
    EvoNorm2dB0,
    EvoNorm2dS0,
    FilterResponseNormAct2d,
    FrozenBatchNormAct2d,
)
from torch import nn
from torch.utils.checkpoint import checkpoint
from torchvision.ops import FrozenBatchNorm2d

from ssdkd.errors import ConfigError
from ssdkd.losses import ActivationLoss, BNStatisticsLoss, InversionState
from ssdkd.losses.inversion import bn_statistics
from ssdkd.models import Teacher

UNUSED = InversionState(None, None, None, None, None)  # the loss reads only its hooks
IMAGES = torch.rand(8, 3, 10, 10, generator=torch.Generator().manual_seed(0))


class Residual(nn.Module):
    """Its shortcut is registered first and called last; its layers have equal sizes."""

    def __init__(self, norm=nn.BatchNorm2d):
        super().__init__()
        self.shortcut = nn.Sequential(nn.Conv2d(4, 4, 1), norm(4))
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), norm(4))
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.bn = norm(4)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        x = self.stem(x).relu()
        x = self.bn(self.conv(x)) + self.shortcut(x)
        return self.head(x.mean((2, 3)))


class Twice(nn.Module):
    """One batch norm for two maps of different sizes, and one for nothing."""

    def __init__(self):
        super().__init__()
        self.unused = nn.BatchNorm2d(4)
        self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, 2)])
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        for conv in self.convs:
            x = self.bn(input=conv(x))
        return x.mean((2, 3))


def teacher_of(network: nn.Module) -> Teacher:
    """With random statistics, unlike those of any batch."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            if name.endswith('running_var'):
                value.uniform_(0.5, 2, generator=generator)
            elif value.is_floating_point():
                value.normal_(0, 0.3, generator=generator)
    return Teacher(network, mean=[0.5], std=[0.5])


def attached(teacher, loss=None):
    loss = loss or BNStatisticsLoss()
    loss.attach(teacher)
    return loss


def value(teacher, loss, images=IMAGES) -> float:
    teacher(images.clone().requires_grad_())
    return loss(UNUSED).item()


@torch.no_grad()  # which the loss does not record
def expected(teacher, images=IMAGES) -> float:
    """The distance in numpy, by the inputs that a hook of each layer gets with its name."""
    moments, handles = {}, []
    layers = {n: m for n, m in teacher.named_modules() if hasattr(m, 'running_mean')}
    for name, layer in layers.items():

        def keep(layer, args, kwargs, name=name):
            x = (args[0] if args else kwargs['input']).double().numpy()
            moments.setdefault(name, []).append((x.mean((0, 2, 3)), x.var((0, 2, 3))))

        handles.append(layer.register_forward_pre_hook(keep, with_kwargs=True))
    teacher(images)
    for handle in handles:
        handle.remove()
    total = 0.0
    for name, calls in moments.items():
        mean, variance = (np.mean(each, axis=0) for each in zip(*calls))
        total += np.linalg.norm(mean - layers[name].running_mean.double().numpy())
        total += np.linalg.norm(variance - layers[name].running_var.double().numpy())
    return total


def close(number: float):
    return pytest.approx(number, rel=1e-5)


def test_a_shortcut_that_is_registered_first():
    teacher = teacher_of(Residual())
    loss = attached(teacher)
    assert value(teacher, loss) == close(expected(teacher))
    called = remember(teacher, IMAGES)
    assert called[-1] == 'model.shortcut.1' != called[0]
    assert value(teacher, loss) < 1e-5 * size(teacher, called)


def test_a_layer_called_twice_counts_the_mean_of_both_calls():
    teacher = teacher_of(Twice())
    assert value(teacher, attached(teacher)) == close(expected(teacher))


def test_training_itself_gathers_the_mean_of_both_calls():
    teacher = teacher_of(Twice())
    bn = teacher.model.bn
    bn.momentum = None  # a plain average
    bn.reset_running_stats()
    bn.train()
    with torch.no_grad():
        teacher(IMAGES)
    assert bn.num_batches_tracked == 2
    loss = attached(teacher)  # with bn still in training mode: both normalise by the batch
    bn.momentum = 0.0
    bound = 2e-2 * size(teacher, ['model.bn'])  # training divides by n - 1
    assert value(teacher, loss) < bound < expected(teacher_of(Twice()))


def test_a_layer_that_is_never_called_is_left_out_and_named_once(monkeypatch):
    said = []
    monkeypatch.setattr(bn_statistics, 'print_log', lambda text, logger: said.append(text))
    teacher = teacher_of(Twice())
    loss = attached(teacher, BNStatisticsLoss(momentum=0.9))
    for _ in range(3):
        assert value(teacher, loss) == close(expected(teacher))
        loss.end_phase()
    assert len(said) == 1 and said[0].endswith('does not call: model.unused')


def synchronised_by_mmengine(network):  # as its Runner does with sync_bn='torch'
    return convert_sync_batchnorm(network).eval()  # it leaves the new layers training


@pytest.mark.parametrize(
    'convert', [nn.SyncBatchNorm.convert_sync_batchnorm, synchronised_by_mmengine]
)
def test_layers_that_are_replaced_after_the_hooks_are_attached(convert):
    teacher = teacher_of(Residual())
    loss = attached(teacher)
    before = value(teacher, loss)
    old = teacher.model.bn
    teacher.model = convert(teacher.model)
    assert type(teacher.model.bn) is nn.SyncBatchNorm and teacher.model.bn is not old
    assert value(teacher, loss) == before
    teacher.model.bn.running_mean += 1  # of the new layer
    assert value(teacher, loss) == close(expected(teacher))


def test_a_layer_under_two_names_counts_once():
    network = Residual()
    network.again = network.bn
    teacher = teacher_of(network)
    loss = attached(teacher)
    assert value(teacher, loss) == close(expected(teacher))
    teacher.model = nn.SyncBatchNorm.convert_sync_batchnorm(teacher.model)
    assert value(teacher, loss) == close(expected(teacher))


def saved_and_loaded(pair):
    file = io.BytesIO()
    torch.save(pair, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize('copied', [copy.deepcopy, saved_and_loaded])
def test_copies_record_for_themselves(copied):
    teacher = teacher_of(Residual())
    loss = attached(teacher)
    teacher(IMAGES.clone().requires_grad_())  # a copy leaves the graph of this pass behind
    other, its_loss = copied((teacher, loss))
    first = loss(UNUSED).item()
    assert first == close(expected(teacher))
    other.model.bn.running_mean += 1
    assert value(other, its_loss) == close(expected(other))
    with pytest.raises(ConfigError, match='no forward pass of the teacher with gradients'):
        loss(UNUSED)  # the copy's pass is not that of the original
    assert value(teacher, loss) == first


def test_a_copy_without_its_loss_still_runs():
    teacher = teacher_of(Residual())
    attached(teacher)
    student = copy.deepcopy(teacher.model)
    student(IMAGES.clone().requires_grad_())  # not a pass of a teacher: nothing is recorded
    assert torch.equal(copy.deepcopy(teacher)(IMAGES), teacher(IMAGES))


def compile_network(teacher, backend):
    teacher.model = torch.compile(teacher.model, backend=backend)


def compile_in_place(teacher, backend):
    teacher.model.compile(backend=backend)


def compile_a_part(teacher, backend):
    teacher.model.shortcut.compile(backend=backend)


COMPILE = [compile_network, compile_in_place, compile_a_part]


@pytest.fixture
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures('fresh_compiler')
@pytest.mark.parametrize(
    ('compiled', 'when'),
    [
        pytest.param(c, w, marks=[pytest.mark.slow] * (COMPILE.index(c) != i))
        for i, w in enumerate(('before', 'after', 'run before'))
        for c in COMPILE
    ],
)
def test_compiled_teachers(compiled, when, backend='aot_eager'):
    teacher = teacher_of(Residual())
    reference = expected(teacher)
    if when == 'after':
        loss = attached(teacher)
    compiled(teacher, backend)
    if when == 'run before':  # torch does not look for hooks in what it has compiled
        teacher(IMAGES)
        teacher(IMAGES.clone().requires_grad_())
    if when != 'after':
        loss = attached(teacher)
    for _ in range(2):
        assert value(teacher, loss) == close(reference)
        with torch.no_grad():
            teacher(IMAGES)
    teacher.model = nn.SyncBatchNorm.convert_sync_batchnorm(teacher.model)
    assert value(teacher, loss) == close(reference)


@pytest.mark.slow
@pytest.mark.usefixtures('fresh_compiler')
def test_a_teacher_compiled_to_machine_code():
    test_compiled_teachers(compile_network, 'run before', backend='inductor')


@pytest.mark.usefixtures('fresh_compiler')
def test_another_teacher_of_the_class_was_compiled_and_run_before():
    first = teacher_of(Residual())
    compile_network(first, 'eager')
    first(IMAGES.clone().requires_grad_())
    teacher = teacher_of(Residual())
    reference = expected(teacher)
    compile_network(teacher, 'eager')
    assert value(teacher, attached(teacher)) == close(reference)


SCRIPTED = [torch.jit.script, lambda network: torch.jit.trace(network, IMAGES)]


@pytest.mark.parametrize('loss', [BNStatisticsLoss, ActivationLoss])
@pytest.mark.parametrize('to_torchscript', SCRIPTED)
def test_torchscript_is_refused_before_training(loss, to_torchscript):
    teacher = teacher_of(Residual())
    teacher.model = to_torchscript(teacher.model)
    with pytest.raises(ConfigError) as error:
        attached(teacher, loss())
    text = str(error.value)
    assert "lies inside 'model', which is TorchScript" in text and '\n' not in text
    assert 'give the original module, without torch.jit or torch.export' in text


@pytest.mark.parametrize(
    'loss, part',
    [(BNStatisticsLoss, 'shortcut'), (BNStatisticsLoss, 'bn'), (ActivationLoss, 'head')],
)
def test_a_part_that_is_torchscript(loss, part):
    teacher = teacher_of(Residual())
    setattr(teacher.model, part, torch.jit.script(getattr(teacher.model, part)))
    with pytest.raises(ConfigError, match=f"layer 'model.{part}.*is TorchScript"):
        attached(teacher, loss())


def test_a_part_inside_data_parallel():
    teacher = teacher_of(Residual())
    reference = expected(teacher)
    teacher.model.shortcut = nn.DataParallel(teacher.model.shortcut)
    assert value(teacher, attached(teacher)) == close(reference)


@pytest.mark.parametrize(
    'norm', [BatchNormAct2d, FrozenBatchNormAct2d, FrozenBatchNorm2d, nn.SyncBatchNorm]
)
def test_batch_norms_of_other_libraries(norm):
    teacher = teacher_of(Residual(norm))
    loss = attached(teacher)
    assert len(loss._inputs.layers) == 3
    assert value(teacher, loss) == close(expected(teacher))


class TrackingInstanceNorm(nn.InstanceNorm2d):
    def __init__(self, channels):
        super().__init__(channels, track_running_stats=True)


@pytest.mark.parametrize(
    'norm',
    [
        EvoNorm2dB0,
        EvoNorm2dS0,
        FilterResponseNormAct2d,
        TrackingInstanceNorm,
        lambda channels: nn.GroupNorm(1, channels),
        lambda channels: nn.BatchNorm2d(channels, track_running_stats=False),
    ],
)
def test_norms_that_remember_no_mean_and_variance_of_a_batch(norm):
    network = Residual(norm)
    message = 'no batch-norm layer with running statistics; take --method ssdkd_without_bn'
    with pytest.raises(ConfigError, match=message):
        attached(Teacher(network, mean=[0.5], std=[0.5]))
    network.bn = nn.BatchNorm2d(4)  # beside one that does, they are left alone
    loss = attached(Teacher(network, mean=[0.5], std=[0.5]))
    assert list(loss._inputs.layers) == ['model.bn']


class Uncalled(Residual):
    """A batch norm that no pass calls."""

    def __init__(self):
        super().__init__(lambda channels: nn.GroupNorm(1, channels))
        self.unused = nn.BatchNorm1d(4)


def test_batch_norms_that_no_pass_calls_have_a_remedy():
    teacher = Teacher(Uncalled(), mean=[0.5], std=[0.5])
    loss = attached(teacher)
    teacher(IMAGES.clone().requires_grad_())
    with pytest.raises(ConfigError) as error:
        loss(UNUSED)
    assert "the first is 'model.unused'" in str(error.value)
    assert str(error.value).endswith(
        '; otherwise take --method ssdkd_without_bn, or as base of your config '
        "'ssdkd::_base_/methods/ssdkd_without_bn.py', whose priors do without, or set this "
        'loss to None'
    )


class Checkpointed(Residual):
    reentrant = False

    def forward(self, x):
        x = self.stem(x).relu()
        y = checkpoint(self.conv_bn, x, use_reentrant=self.reentrant)
        return self.head((y + self.shortcut(x)).mean((2, 3)))

    def conv_bn(self, x):
        return self.bn(self.conv(x))


def test_gradient_checkpointing():
    teacher = teacher_of(Checkpointed())
    loss = attached(teacher)
    for _ in range(2):
        logits = teacher(IMAGES.clone().requires_grad_())
        total = loss(UNUSED)
        (logits.sum() + total).backward()  # runs the layer a second time, outside a pass
        assert total.item() == close(expected(teacher))
    teacher.model.reentrant = True
    with pytest.raises(ConfigError, match=r"'model.bn' .* set use_reentrant=False"):
        teacher(IMAGES.clone().requires_grad_())


def test_layers_that_are_gone():
    teacher = teacher_of(Residual())
    attached(teacher)
    teacher.model = nn.DataParallel(teacher.model)
    with pytest.raises(
        ConfigError, match=r"had a layer 'model.shortcut.1' .*wrap the teacher before"
    ):
        teacher(IMAGES)


def test_a_network_that_is_not_called_itself():
    teacher = teacher_of(Residual())
    loss = attached(teacher)
    teacher.model(IMAGES.clone().requires_grad_())
    with pytest.raises(ConfigError, match="no forward pass .* the first is 'model.shortcut.1'"):
        loss(UNUSED)
