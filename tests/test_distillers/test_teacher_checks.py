"""Each check of a teacher finds its own mistake, and nothing else."""

import re

import pytest
import torch
import torch.nn.functional as F
from helpers import NO_VAL, build_runner
from torch import nn

from ssdkd.apis.validate import validate
from ssdkd.distillers.teacher_checks import (
    check_up,
    is_probability,
    nearest_size,
    probe_images,
    report,
    take_logits,
)
from ssdkd.models import CifarResNet, Program, Teacher
from ssdkd.registry import MODELS
from ssdkd.runs import random_state
from ssdkd.tasks import BinaryClassification, Classification, MultiLabelClassification

SIZE = (16, 16)
TASK = Classification(10)
NORMALISED = dict(mean=[0.5] * 3, std=[0.5] * 3)


class Net(nn.Module):
    """A small network, and places for mistakes."""

    def __init__(self, end=lambda z: z, before=lambda x: x):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)
        self.end, self.before = end, before

    def forward(self, x):
        x = self.before(self.bn(self.conv(x)).relu())
        return self.end(self.head(x.mean((2, 3))))


class TrainedNorm(nn.BatchNorm2d):
    """A batch norm that uses the batch's own statistics in every mode, and changes its own."""

    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, None, None, True)


class ActiveDropout(nn.Dropout):
    def train(self, mode: bool = True):
        return super().train(True)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def findings(model: nn.Module, **normalisation) -> list[str]:
    found, looked = check_up(Teacher(model, **(normalisation or NORMALISED)), SIZE, TASK)
    assert looked.startswith('64 random images: ')
    assert all('\n' not in line for line in found)
    return found


def with_module(name: str, module: nn.Module) -> Net:
    net = Net()
    setattr(net, name, module)
    return net


def unused() -> Net:
    net = Net()
    net.other = nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    return net


class Functional(Net):
    """Its batch norm only keeps the numbers."""

    def forward(self, x):
        x = self.conv(x)
        x = F.batch_norm(x, self.bn.running_mean, self.bn.running_var)
        return self.head(x.relu().mean((2, 3)))


def masked(net: nn.Module | None = None, bias: float = -40) -> nn.Module:
    net = net or Net()
    with torch.no_grad():
        net.head.bias[3] = bias
    return net


def dead() -> Net:
    net = Net()
    nn.init.zeros_(net.head.weight)
    return net


MISTAKES = {
    'sigmoid': (
        lambda: Net(torch.sigmoid),
        'all outputs are in [0, 1], as of a sigmoid or softmax at the end: remove it, as '
        'the losses need logits',
    ),
    'unused': (
        unused,
        '2 batch norms not called as a module in a pass (model.other.0, model.other.1): the '
        'batch-norm term leaves them out; remove them, or call them in forward',
    ),
    'functional': (
        Functional,
        'no batch norm is called as a module in a pass (model.bn): the teacher counts as one '
        'without; call them in forward, or take --method ssdkd_without_bn, which distill() '
        'does by itself',
    ),
    'dropout': (
        lambda: Net(before=ActiveDropout(0.5)),
        'two passes of the same images differ: a dropout (model.before) or other random layer '
        'is active in evaluation mode; the student learns its noise',
    ),
    'batch': (
        lambda: with_module('bn', TrainedNorm(8)),
        'the outputs of an image change with the other images of its batch: the student learns '
        'noise; let all layers use running statistics in evaluation mode',
    ),
    'constant': (
        dead,
        'all images have the same outputs: check the weights, mean and std; a student learns '
        'one class from it',
    ),
    'class': (
        masked,
        '1 class out of reach for random images (3): the student learns nothing about them; '
        'check num_classes and the last layer',
    ),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_mistakes(mistake):
    make, line = MISTAKES[mistake]
    assert findings(make()) == [line]


OTHER_IMAGES = {
    'mean': lambda x: x - x.mean(0),
    'first': lambda x: x + x[:1],
    'second': lambda x: x + x[1:2],
    'last': lambda x: x + x[-1:],
    'neighbour': lambda x: x + x.roll(1, 0),
    'opposite': lambda x: x + x.flip(0),
    'largest': lambda x: x + x.max(0)[0],
    'first alone': lambda x: torch.cat([x[:1], x[1:] + x[:1]]),
}


@pytest.mark.parametrize('read', OTHER_IMAGES)
def test_outputs_that_depend_on_other_images(read):
    assert findings(Net(before=OTHER_IMAGES[read])) == [MISTAKES['batch'][1]]


HIDDEN = ('functional', 'dropout', 'batch', 'constant')


@pytest.mark.parametrize('bias', [-1e4, -1e9])
@pytest.mark.parametrize('mistake', [None, *HIDDEN])
def test_a_masked_class_hides_no_mistake(mistake, bias):
    """Its logit is larger than any difference between the others."""
    make, *lines = MISTAKES[mistake] if mistake else (Net,)
    assert findings(masked(make(), bias)) == [*lines, MISTAKES['class'][1]]


@pytest.mark.parametrize('bias', [-1e4, -1e9])
@pytest.mark.parametrize('read', OTHER_IMAGES)
def test_a_masked_class_hides_no_other_images(read, bias):
    lines = [MISTAKES['batch'][1], MISTAKES['class'][1]]
    assert findings(masked(Net(before=OTHER_IMAGES[read]), bias)) == lines


def test_many_masked_classes():
    net = Net(before=ActiveDropout(0.5))
    with torch.no_grad():
        net.head.bias[:3] = -1e9
    found = findings(net)
    assert found[0] == MISTAKES['dropout'][1] and found[1].startswith('3 classes out of reach')
    assert len(found) == 2


@pytest.mark.parametrize('model', [Net, lambda: CifarResNet(8), lambda: Net(F.log_softmax)])
@pytest.mark.filterwarnings('ignore')
def test_nothing_is_found(model):
    assert findings(model()) == []
    assert (
        report('teacher', [], 'as it is') == 'Check-up of the teacher  as it is; nothing found'
    )


class OneByOne(Net):
    def forward(self, x):
        return super().forward(x.reshape(1, 3, 16, 16))


def test_networks_that_cannot_be_examined():
    found, looked = check_up(Teacher(OneByOne(), **NORMALISED), SIZE, TASK)
    assert looked == '' and len(found) == 1 and '\n' not in found[0]
    assert found[0].startswith(
        'its forward fails for shape [64, 3, 16, 16] with RuntimeError: '
    )
    assert 'return super().forward(x.reshape(1, 3, 16, 16)))' in found[0]
    assert '(in test_teacher_checks.py, line ' in found[0]
    decided = Teacher(Net(lambda z: z.argmax(1)), **NORMALISED)
    assert check_up(decided, SIZE, TASK) == ([], 'outputs of this form are not examined')
    nothing_to_train = Teacher(nn.Flatten(), **NORMALISED)
    assert check_up(nothing_to_train, SIZE, TASK)[0] == []


def test_a_compiled_network_is_not_compiled_for_it():
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    net = unused()
    net.compile(backend=backend)
    (line,) = findings(net)
    assert line == MISTAKES['unused'][1] and compiled == []
    net(torch.rand(2, 3, *SIZE))
    assert compiled


def test_segmentors_are_checked_pixel_by_pixel():
    model = nn.Conv2d(3, 5, 3, padding=1)
    assert findings(model) == []
    with torch.no_grad():
        model.bias[2] = -60
    assert findings(model) == [MISTAKES['class'][1].replace('(3)', '(2)')]


def test_mean_and_std():
    both = (
        'mean and std not set: images enter as they are, in [0, 1]. If the training normalised '
        'its images, the teacher predicts badly, and so will the student, in one case 27 % '
        'instead of 81 %; set them, to 0 and 1 if this is right'
    )
    assert findings(Net(), mean=None, std=None) == [both]
    assert findings(Net(), mean=[0.5] * 3, std=None) == [both.replace('mean and std', 'std')]
    assert findings(Net(), mean=[0.0] * 3, std=[1.0] * 3) == []
    timm = pytest.importorskip('timm')
    (line,) = findings(timm.create_model('resnet10t', num_classes=5), mean=None, std=None)
    known = timm.models.get_pretrained_cfg('resnet10t')
    assert line == both + (
        f"; timm's pretrained weights of this network have mean={list(known.mean)} and "
        f'std={list(known.std)}'
    )


@pytest.mark.parametrize('mistake', ['batch', 'dropout'])
def test_nothing_changes(mistake):
    teacher = Teacher(MISTAKES[mistake][0](), **NORMALISED)
    before = {k: v.clone() for k, v in teacher.state_dict().items()}
    states = random_state()
    check_up(teacher, SIZE, TASK)
    assert all(torch.equal(v, before[k]) for k, v in teacher.state_dict().items())
    assert torch.equal(random_state()['torch'], states['torch'])
    assert not any(m._forward_pre_hooks for m in teacher.modules())


@pytest.mark.parametrize(
    ('size', 'count'), [((16, 16), 64), ((32, 32), 64), ((64, 96), 10), ((512, 512), 4)]
)
def test_probes(size, count):
    images = probe_images(size)
    assert images.shape == (count, 3, *size)
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images, probe_images(size))
    steps = (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3))
    assert steps[0::2].min() > 0.3 and steps[1::2].max() < 0.3


def test_what_counts_as_probabilities():
    z = torch.randn(4, 6, 5)
    assert is_probability(z.softmax(1)) and is_probability(z.softmax(1).half())
    assert is_probability((1000 * z).softmax(1))
    assert not is_probability(z) and not is_probability(z.sigmoid())
    assert not is_probability(z.softmax(2)) and not is_probability(z.log_softmax(1))
    assert not is_probability(z.softmax(1) - 1 / 3) and not is_probability('p')


def softmax_pair() -> tuple[Net, Net]:
    plain = Net()
    ended = Net(lambda z: z.softmax(1))
    ended.load_state_dict(plain.state_dict())
    return plain, ended


def test_the_logarithm_of_probabilities_gives_the_same_losses():
    plain, ended = (Teacher(net, **NORMALISED) for net in softmax_pair())
    ended.gives_probabilities = True
    images = probe_images(SIZE)
    assert torch.allclose(ended(images), plain(images).log_softmax(1), atol=1e-5)
    task, student = Classification(5), torch.randn(64, 5)
    for temperature in (1.0, 7.0):
        a, b = (task.divergence(student, net(images), temperature) for net in (plain, ended))
        assert torch.allclose(a, b, atol=1e-4)
    certain = Teacher(nn.Flatten())
    certain.gives_probabilities = True
    assert certain(torch.zeros(1, 3, 1, 1)).isfinite().all()
    assert check_up(ended, SIZE, TASK)[0] == [
        'outputs are probabilities, as of a softmax at the end: their logarithm is used as '
        'logits'
    ]


def test_other_commands_take_the_logarithm():
    plain, ended = (Teacher(net, **NORMALISED) for net in softmax_pair())
    for teacher in (plain, ended):
        take_logits(teacher, SIZE, TASK)
        take_logits(teacher.model, SIZE, TASK)
    assert ended.gives_probabilities and not plain.gives_probabilities


SIGMOID = (
    'outputs are probabilities, as of a sigmoid at the end: log(p / (1 - p)) is used as logits'
)
SIGMOID_ENDS = {
    'function': torch.sigmoid,
    'module': nn.Sigmoid(),
    'method': lambda z: z.sigmoid(),
    'parts': lambda z: torch.cat([z[:, :2].sigmoid(), torch.sigmoid(z[:, 2:])], 1),
    'shape': lambda z: z[:, :, None, None].sigmoid().flatten(1),
    'dict': lambda z: dict(logits=z.sigmoid()),
    'double': lambda z: z.double().sigmoid().float(),
    'clamped': lambda z: z.sigmoid().clamp(1e-7, 1 - 1e-7),
    'softmax': lambda z: torch.stack([-z, torch.zeros_like(z)], 2).softmax(2)[:, :, 1],
}


@pytest.mark.parametrize('end', SIGMOID_ENDS)
def test_logits_of_a_sigmoid_at_the_end(end):
    torch.manual_seed(1)
    plain, ended = Net(), Net(SIGMOID_ENDS[end])
    ended.load_state_dict(plain.state_dict())
    plain, ended = (Teacher(net, **NORMALISED) for net in (plain, ended))
    task = MultiLabelClassification(5)
    for teacher in (plain, ended):
        take_logits(teacher, SIZE, task)
    assert ended.gives_sigmoids and not plain.gives_sigmoids
    want = plain(probe_images(SIZE))
    assert torch.allclose(ended(probe_images(SIZE)), want, atol=1e-4)
    student = torch.randn(64, 5)
    for temperature in (1.0, 7.0):
        a, b = (
            task.divergence(student, net(probe_images(SIZE)), temperature)
            for net in (plain, ended)
        )
        assert torch.allclose(a, b, atol=1e-4)
    assert check_up(ended, SIZE, task)[0] == [SIGMOID]


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'program',
    [
        torch.jit.script,
        lambda net: torch.jit.trace(net, torch.rand(1, 3, *SIZE)),
        lambda net: Program(torch.export.export(net, (torch.rand(1, 3, *SIZE),))),
        lambda net: torch.compile(net, backend='eager'),
    ],
    ids=['script', 'trace', 'export', 'compile'],
)
def test_a_sigmoid_at_the_end_of_a_program(program):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Sigmoid())
    teacher = Teacher(program(net.eval()), **NORMALISED)
    images = torch.rand(1, 3, *SIZE)
    for _ in range(3):
        teacher(images)
        teacher(images.clone().requires_grad_())
    assert teacher.take_log_odds(SIZE)
    assert torch.allclose(teacher(images), net[:-1]((images - 0.5) / 0.5), atol=1e-5)


def test_one_logit_of_a_sigmoid_at_the_end():
    plain, ended = Net(lambda z: z[:, 0]), Net(lambda z: z[:, 0].sigmoid())
    ended.load_state_dict(plain.state_dict())
    plain, ended = (Teacher(net, **NORMALISED) for net in (plain, ended))
    take_logits(ended, SIZE, BinaryClassification())
    images = probe_images(SIZE)
    assert ended(images).shape == (64, 1)
    assert torch.allclose(ended(images), plain(images), atol=1e-5)


def test_certain_probabilities_have_finite_logits():
    certain = Teacher(nn.Flatten())
    certain.gives_sigmoids = True
    want = [-15.942385, 0.0, 15.942385]
    image = torch.tensor([0.0, 0.5, 1.0]).reshape(1, 3, 1, 1)
    assert certain(image).flatten().tolist() == pytest.approx(want, abs=1e-4)


@pytest.mark.parametrize(
    'end',
    [
        lambda z: z,
        lambda z: 0.4 + z / 100,  # in [0, 1], as an untrained network may be
        torch.tanh,
        lambda z: 2 * z.sigmoid() - 1,
        lambda z: z * z.sigmoid(),
        lambda z: torch.cat([z[:, :2].sigmoid(), z[:, 2:]], 1),
        lambda z: z.sigmoid().log(),
    ],
)
def test_other_ends_give_their_logits_themselves(end):
    teacher = Teacher(Net(end), **NORMALISED)
    images = probe_images(SIZE)
    before = teacher(images)
    take_logits(teacher, SIZE, MultiLabelClassification(5))
    assert not teacher.gives_sigmoids and torch.equal(teacher(images), before)


def test_a_sigmoid_is_no_logit_of_exclusive_classes():
    teacher = Teacher(Net(torch.sigmoid), **NORMALISED)
    take_logits(teacher, SIZE, TASK)
    assert not teacher.gives_sigmoids and not teacher.gives_probabilities


class Softmaxed(nn.Module):
    """A digits teacher with a softmax at its end."""

    def __init__(self, depth: int, num_classes: int):
        super().__init__()
        self.network = CifarResNet(depth, num_classes)

    def forward(self, x):
        return self.network(x).softmax(1)

    def load_state_dict(self, state, *args, **kwargs):
        return self.network.load_state_dict(state, *args, **kwargs)

    def state_dict(self, *args, **kwargs):
        return self.network.state_dict(*args, **kwargs)


def test_a_distiller_takes_the_logarithm(tiny):
    plain = MODELS.build(tiny().model)
    kind = dict(type='module', path=f'{__name__}.Softmaxed', depth=8, num_classes=10)
    kind['_delete_'] = True
    ended = MODELS.build(tiny({'model.teacher.model': kind}).model)
    assert ended.teacher.gives_probabilities and not plain.teacher.gives_probabilities
    assert not ended.student.gives_probabilities
    images = probe_images(SIZE)
    want = plain.teacher(images).log_softmax(1)
    assert torch.allclose(ended.teacher(images), want, atol=1e-4)


def test_nearest_size():
    assert nearest_size(lambda size: size[0] % 32 == 0, (60, 40)) == 64
    assert nearest_size(lambda size: size == (224, 224), (32, 32)) == 224
    assert nearest_size(lambda size: False, (32, 32)) is None
    assert nearest_size(lambda size: True, (500, 333)) == 496
    assert nearest_size(lambda size: size[0] == 299, (224, 224)) == 299


@pytest.mark.parametrize('made_for', [33, 90, 63, 126, (48, 96), (256, 128), (96, 48)])
@pytest.mark.parametrize('size', [(32, 32), (64, 128), (224, 224)])
def test_rare_sizes_are_found(made_for, size):
    only = (made_for, made_for) if isinstance(made_for, int) else made_for
    assert nearest_size(lambda size: size == only, size) == made_for


def test_usual_sizes_and_squares_go_first():
    assert nearest_size(lambda size: size in ((33, 33), (64, 64)), (32, 32)) == 64
    assert nearest_size(lambda size: size in ((32, 64), (90, 90)), (32, 64)) == 90
    assert nearest_size(lambda size: size in ((40, 80), (80, 40)), (90, 60)) == (80, 40)


def test_the_block_in_the_log(tiny, caplog):
    runner = build_runner(
        tiny(NO_VAL | {'model.teacher.mean': None, 'model.teacher.std': None})
    )
    runner.logger.addHandler(caplog.handler)
    runner.train_loop._check_up()
    (record,) = [r for r in caplog.records if r.getMessage().startswith('Check-up')]
    lines = record.getMessage().splitlines()
    assert record.levelname == 'WARNING' and len(lines) == 2
    assert re.fullmatch(
        r'Check-up of the teacher  64 random images: \d+ of 10 classes predicted, logits from '
        r'-?[\d.]+ to [\d.]+',
        lines[0],
    )
    assert lines[1].startswith('  - mean and std not set: images enter as they are, in [0, 1].')


def test_the_checks_do_not_change_a_run(tiny, tmp_path, monkeypatch):
    """To the bit, also with a teacher that draws random numbers."""
    students = []
    for checks in (True, False):
        if not checks:
            monkeypatch.setattr('ssdkd.engine.loop.check_up', lambda *_: ([], 'nothing'))
        options = {'train_cfg.max_rounds': 2, 'randomness.seed': 3}
        cfg = tiny(NO_VAL | options)
        cfg.work_dir = str(tmp_path / str(checks))
        runner = build_runner(cfg)
        runner.model.teacher.model.layer1.add_module('drop', ActiveDropout(0.5))
        students.append(runner.train().student.state_dict())
    assert all(torch.equal(v, students[1][k]) for k, v in students[0].items())


def test_validate_says_it(tiny):
    said = []
    assert validate(tiny(NO_VAL), said.append) == []
    (line,) = said
    assert line.startswith('Check-up of the teacher  64 random images: ')
    cfg = tiny(NO_VAL)
    cfg.model.teacher.checkpoint = 'absent.pth'
    assert validate(cfg, said.append) and len(said) == 1
