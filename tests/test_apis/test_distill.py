"""distill(): the engine's own run, without a config of the user's."""

import copy
import math
import re
import shutil
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import ROOT, call_tool
from mmengine.config import Config
from mmengine.model import BaseModel, BaseModule
from timm import create_model
from torch import nn

import ssdkd.visualization
from ssdkd.apis import distill, recommended
from ssdkd.apis.one_run import teacher_statistics
from ssdkd.apis.val_batches import ValBatches
from ssdkd.config.read import read_config
from ssdkd.engine.plain_weights import save_plain
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet, Network, saved_module

BASE = ROOT / 'configs/_base_'
TINY = {
    'model.synthesizer.generator.width': 8,
    'model.synthesizer.generator.latent_dim': 16,
    'model.synthesizer.batch_size': 8,
    'model.synthesizer.samples': 8,
    'model.synthesizer.steps': 1,
    'model.batch_size': 8,
    'train_cfg.steps_per_round': 2,
}


class Pixels(nn.Sequential):
    """A segmentor, or without its last layer a network that no task reads."""

    def __init__(self, width: int = 4, num_classes: int = 3, batch_norm: bool = True):
        norm = nn.BatchNorm2d(width) if batch_norm else nn.Identity()
        super().__init__(
            nn.Conv2d(3, width, 3, 2, 1), norm, nn.ReLU(), nn.Conv2d(width, num_classes, 1)
        )


class Initialised(BaseModule):
    """A module of mmengine, which asks whoever builds it to call init_weights."""

    def __init__(self):
        super().__init__(init_cfg=dict(type='Constant', layer='Linear', val=0.0))
        self.linear = nn.Linear(2, 2)


class Bare(BaseModel):
    """A model of mmengine that was not built from a config."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return inputs


def networks():
    torch.manual_seed(0)
    return CifarResNet(depth=8), CifarResNet(depth=8)


def val_set(side=16):
    return [(torch.rand(6, 3, side, side), torch.arange(6)) for _ in range(2)]


def tiny(teacher, student, folder, **changes):
    arguments = dict(num_classes=10, image_size=16, mean=0.5, std=[0.5, 0.4, 0.3], budget=3)
    return distill(teacher, student, work_dir=folder, **(arguments | TINY | changes))


@pytest.fixture
def no_report(monkeypatch):
    """Drawing the report takes longer than a tiny run."""
    monkeypatch.setattr(ssdkd.visualization, 'write_report', lambda folder: (folder / 'r', ''))


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """One run with a val set: teacher, student, what the teacher was before, the result."""
    teacher, student = networks()
    before = copy.deepcopy(teacher.state_dict())
    folder = tmp_path_factory.mktemp('distill') / 'run'
    result = tiny(teacher, student, folder, val_loader=val_set(side=20), seed=3)
    return teacher, student, before, result


def test_the_result(run):
    _, student, _, result = run
    assert result.student is student and not student.training
    exported = torch.load(result.work_dir / 'student.pth')
    assert all(torch.equal(v, exported[k]) for k, v in student.state_dict().items())
    start = networks()[1].state_dict()
    assert not torch.equal(start['conv1.weight'], student.state_dict()['conv1.weight'])
    assert [h['round'] for h in result.history] == [1, 2, 3]
    assert 'loss' in result.history[-1] and 'accuracy' in result.history[-1]
    assert 'loss' not in result.history[0]  # the warm-up
    assert len(result.buffer) == 16 and result.buffer[torch.arange(2)]['image'].shape[1] == 3
    report = result.work_dir / 'report.html'
    assert 'was distilled into' in report.read_text()
    assert result.config.randomness.seed == 3
    (log,) = result.work_dir.glob('*/*.log')
    said = log.read_text()
    assert 'val_loader: its images have 20x20 pixels, and the synthetic ones 16x16' in said
    assert re.search(r'teacher +CifarResNet, [\d,]+ parameters', said)
    assert said.index('Drawing the curves and the page of the report') < said.index(
        f'The report is {report}'
    )


def test_the_teacher_is_untouched(run):
    teacher, _, before, _ = run
    assert teacher.training and all(p.requires_grad for p in teacher.parameters())
    assert all(torch.equal(v, before[k]) for k, v in teacher.state_dict().items())
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in teacher.modules())


def test_the_command_makes_the_same_student_of_the_config(run, tmp_path):
    """Also in another folder, and without the val set."""
    _, student, _, result = run
    for name in ('config.py', 'teacher_module.pt', 'student_module.pt'):
        shutil.copy(result.work_dir / name, tmp_path / name)
    assert str(result.work_dir) not in (tmp_path / 'config.py').read_text().split('"""')[2]
    call_tool('train.py', tmp_path / 'config.py', '--work-dir', tmp_path / 'again')
    again = torch.load(tmp_path / 'again/student.pth')
    assert all(torch.equal(v, again[k]) for k, v in student.state_dict().items())


def test_the_log_says_how_long_it_takes(tmp_path, no_report):
    result = tiny(*networks(), tmp_path / 'run', budget=4)
    (log,) = result.work_dir.glob('*/*.log')
    assert 'for the remaining 1 round,' in log.read_text()  # 1 of warm-up, 2 to judge by
    assert not any('accuracy' in h for h in result.history)
    with pytest.raises(ConfigError, match='holds a run already; choose another work_dir'):
        tiny(*networks(), tmp_path / 'run')


def test_networks_in_data_parallel(run, tmp_path, no_report):
    """The same run; the caller's wrapper stays."""
    teacher, student = map(nn.DataParallel, networks())
    assert tiny(teacher, student, tmp_path / 'run', seed=3).student is student
    plain = run[1].state_dict()
    assert all(torch.equal(v, plain[k]) for k, v in student.module.state_dict().items())


@pytest.mark.parametrize('batch_norm', [True, False])
def test_segmentation(batch_norm, tmp_path, no_report):
    pytest.importorskip('mmseg')
    labels = torch.randint(0, 3, (2, 20, 24))
    labels[0, :5] = 255
    val = [(torch.randint(0, 256, (2, 3, 20, 24), dtype=torch.uint8), labels)]
    teacher, student = Pixels(batch_norm=batch_norm), Pixels(width=2)
    changes = dict(task='segmentation', num_classes=3, image_size=(16, 24), val_loader=val)
    result = tiny(teacher, student, tmp_path / 'run', **changes)
    assert (result.config.model.synthesizer.losses.bn is not None) is batch_norm
    # By hand: the student's prediction of the normalised images, without void.
    mean, std = torch.tensor(0.5), torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)
    network = Network(student, [0.5] * 3, [0.5, 0.4, 0.3])
    assert torch.equal(network.mean.unique(), mean[None]) and torch.equal(network.std[0], std)
    with torch.no_grad():
        right = network(val[0][0] / 255).argmax(1) == labels
    share = 100 * right[labels != 255].double().mean().item()
    assert result.history[-1]['aAcc'] == pytest.approx(share, abs=0.5)


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(num_classes=7), r'^teacher has 10 outputs, but num_classes=7; make them equal'),
        (dict(num_classes=1), 'num_classes=1 must be an int, at least 2'),
        (dict(image_size=7), 'image_size=7, .* use 8'),
        (dict(image_size=513), 'use 512'),
        (dict(image_size=(16, 16, 3)), r'must be an int or \(height, width\)'),
        (dict(image_size=16.0), r'image_size=16.0 must be an int or \(height, width\)'),
        (dict(mean=[0.5, 0.5]), r'std=\[0.5, 0.4, 0.3\] must be .* one for each of 2 channels'),
        (
            dict(mean=[0.5, 0.5], std=0.5),
            r'shape \[1, 2, 16, 16\] with RuntimeError.*: set channels=3, and give mean',
        ),
        (dict(channels=0), 'channels=0'),
        (
            dict(mean=127.5),
            'mean=127.5 is for images up to 255, but ours are in .* divide by 255, both',
        ),
        (dict(std=0.0), 'above 0'),
        (dict(task='detection'), "must be one of 'classification', 'binary', 'multilabel'"),
        (dict(task='segmentation'), r'logits of shape \[1, 10\], but Segmentation needs'),
        ({'model.batch_size.of': 3}, 'the part of a key before its last dot must name'),
        (dict(budget=0), 'budget=0 must be a number of rounds'),
        (dict(budged=3), "no argument 'budged'.*did you mean budget"),
        (dict(minuts=3), "no argument 'minuts'.*did you mean minutes"),
        (dict(steps_per_round=3), 'no argument.*did you mean train_cfg.steps_per_round'),
        ({'trian_cfg.max_rounds': 3}, 'did you mean train_cfg'),
        ({'default_hooks.checkpoint.intervall': 3}, 'did you mean interval'),
        ({'model.bufer.capacity': 9}, 'did you mean buffer'),
        (dict(student='resnet18'), 'student is a str; give an nn.Module'),
        (dict(student=Network(CifarResNet(8))), 'give its attribute model'),
        (dict(student=nn.Flatten()), 'nothing can train'),
        (
            dict(student=torch.jit.script(Pixels())),
            'student is, or contains, TorchScript.*original module',
        ),
        (dict(student=Pixels(num_classes=10)), r'^student gives logits of shape'),
        (dict(val_loader=iter([])), 'can be read only once'),
    ],
)
def test_bad_arguments_fail_before_training(changes, message, tmp_path):
    teacher, student = networks()
    changes = dict(changes)
    with pytest.raises(ConfigError, match=message):
        tiny(teacher, changes.pop('student', student), tmp_path / 'run', **changes)
    assert not list(tmp_path.glob('run/round_*.pth'))


@pytest.mark.parametrize('key', ['model.batch_size', 'model.synthesizer.samples'])
def test_a_small_buffer_is_refused_before_anything_is_built(key, tmp_path):
    changes = {'model.buffer.capacity': 9, key: 10}
    with pytest.raises(ConfigError, match=rf'model.buffer.capacity=9 .* {key}=10.*; set the'):
        tiny(*networks(), tmp_path / 'run', **changes)
    assert not (tmp_path / 'run').exists()


def test_networks_that_do_not_fit(tmp_path):
    teacher, _ = networks()
    with pytest.raises(ConfigError, match='one module; give the student a copy'):
        tiny(teacher, teacher, tmp_path / 'run')

    class Local(CifarResNet):
        pass

    local = Local(8)
    local.lock = threading.Lock()
    with pytest.raises(
        ConfigError, match='student cannot be copied: .*copy.deepcopy fails, too'
    ):
        tiny(teacher, local, tmp_path / 'run')


IMAGES, LABELS = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])


@pytest.mark.parametrize(
    'batch, message',
    [
        ((IMAGES * 4 - 2, LABELS), r'float32 images from .* not normalised'),
        ((IMAGES * 255, LABELS), 'in \\[0, 1\\], not normalised'),
        ((IMAGES * float('nan'), LABELS), 'not normalised'),
        ((IMAGES[:, :1], LABELS), r'shape \[2, 1, 8, 8\]; give \[N, 3, H, W\]'),
        ((IMAGES, LABELS + 2), 'labels from 2 to 3, but num_classes=3'),
        ((IMAGES, LABELS[:1]), r'labels of shape \[1\]; give integers of shape \[2\]'),
        ((IMAGES, LABELS.float()), 'float32 labels'),
        (IMAGES, 'must give'),
        (None, 'gives no batch'),
    ],
)
def test_bad_val_sets(batch, message):
    with pytest.raises(ConfigError, match=message):
        ValBatches([] if batch is None else [batch], 'classification', 3)


def test_good_val_sets():
    as_dict = dict(inputs=IMAGES.numpy(), data_samples=[2, 0])
    batches = ValBatches([(IMAGES, LABELS), as_dict], 'classification', 3)
    labels = [batch['data_samples'].tolist() for batch in batches]
    assert labels == [[0, 1], [2, 0]] and len(batches) == 2 and len(batches.dataset) == 4


def shipped(tmp_path, *files):
    path = tmp_path / 'shipped.py'
    runtime = () if files == ('methods/ssdkd_seg',) else ('default_runtime',)
    files = [f'{BASE}/{file}.py' for file in (*files, *runtime)]
    path.write_text(f'_base_ = {files}\n')
    return read_config(str(path))


@pytest.mark.parametrize(
    'arguments, files, made',
    [
        (dict(image_size=32, device='cuda'), ('methods/ssdkd', 'schedules/published'), None),
        (dict(image_size=32), ('methods/ssdkd_cpu', 'schedules/cpu'), None),
        (
            dict(image_size=224, num_classes=1000, device='cuda'),
            ('methods/ssdkd_imagenet',),
            200 * 50,
        ),
        (
            dict(image_size=256, device='cuda', task='segmentation'),
            ('methods/ssdkd_seg',),
            300 * 16,
        ),
    ],
    ids=['small', 'small-cpu', 'large', 'segmentation'],
)
def test_the_settings_are_the_shipped_ones(arguments, files, made, tmp_path):
    arguments = dict(num_classes=10) | arguments
    ours, theirs = recommended(**arguments), shipped(tmp_path, *files)
    theirs.model.task.num_classes = arguments['num_classes']
    if made:  # never more slots than samples that the run makes
        assert theirs.model.buffer.capacity > made
        theirs.model.buffer.capacity = made
    theirs.train_cfg.val_interval = ours.train_cfg.val_interval
    if 'schedules/cpu' in files:  # of the table by_budget
        theirs.train_cfg.update(max_rounds=110, steps_per_round=80)
    assert ours.to_dict() == theirs.to_dict()


def test_segmentation_on_a_cpu_is_the_camvid_setting():
    camvid = Config.fromfile(ROOT / 'configs/seg/camvid_deeplab.py')
    ours = recommended(num_classes=11, image_size=(96, 128), task='segmentation')
    for cfg in (ours, camvid):  # by a rule for every size, 6 here instead of 8
        del cfg.model.augment[0].padding, cfg.model.synthesizer.augment[0].padding
        del cfg.train_cfg.val_interval
    for key in ('teacher', 'student'):
        del camvid.model[key]
    del camvid.model.reuse, camvid.model.distillation.features  # of these two networks
    for key in ('model', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'default_hooks'):
        assert ours[key] == camvid[key], key


def test_the_buffer_has_room_for_the_classes():
    wide = recommended(num_classes=np.int64(1000), image_size=np.int64(32))
    plain = recommended(num_classes=1000, image_size=(32, np.int32(32)))
    assert wide.model == plain.model
    assert wide.model.buffer.capacity == 10_000
    short = recommended(num_classes=1000, image_size=32, budget=1)
    assert short.model.buffer.capacity == 640 and short.train_cfg.warmup_rounds == 0


def test_saved_modules_keep_their_weights(tmp_path):
    module = Initialised()
    torch.save(module, tmp_path / 'network.pt')
    network = Network(dict(type='SavedModule', file=str(tmp_path / 'network.pt')))
    assert torch.equal(network.model.linear.weight, module.linear.weight)
    assert module.linear.weight.abs().sum() > 0


def test_a_module_of_mmengine_without_a_config_is_exported_plainly(tmp_path):
    module = Bare()
    module.linear = nn.Linear(2, 2)
    save_plain(module, tmp_path / 'student.pth')
    assert torch.load(tmp_path / 'student.pth').keys() == module.state_dict().keys()


def test_files_that_are_no_saved_modules(tmp_path):
    file = tmp_path / 'network.pt'
    with pytest.raises(ConfigError, match='there is no file'):
        saved_module(str(file))
    file.write_bytes(b'garbage')
    with pytest.raises(ConfigError, match='cannot be read'):
        saved_module(str(file))
    torch.save(dict(a=1), file)
    with pytest.raises(ConfigError, match='holds a dict'):
        saved_module(str(file))
    Gone = type('Gone', (nn.Identity,), dict(__module__=__name__))
    globals()['Gone'] = Gone
    torch.save(Gone(), file)
    del globals()['Gone']
    with pytest.raises(ConfigError, match='class that cannot be imported'):
        saved_module(str(file))


@pytest.mark.parametrize(
    'batch_norm, other_norms, terms',
    [
        (True, False, {'bn', 'adversarial'}),
        (True, True, {'bn', 'adversarial', 'confidence', 'balance'}),
        (False, True, {'adversarial', 'confidence', 'balance'}),
        (False, False, {'adversarial', 'confidence', 'balance'}),
    ],
)
@pytest.mark.parametrize(
    'images',
    [dict(image_size=32), dict(image_size=64), dict(image_size=64, task='segmentation')],
)
def test_priors_by_normalisation(batch_norm, other_norms, terms, images):
    cfg = recommended(num_classes=10, batch_norm=batch_norm, other_norms=other_norms, **images)
    losses = cfg.model.synthesizer.losses
    alone = batch_norm and not other_norms
    plain = {'class_prior'} if alone and images['image_size'] == 64 else set()
    assert {name for name, term in losses.items() if term} - plain == terms
    transforms = [transform.type for transform in cfg.model.augment]
    photographs = not batch_norm and images.get('task') != 'segmentation'
    assert ('PhotoColours' in transforms) == photographs
    assert transforms[0] == 'RandomCropFlip'


def mixed():
    """Batch norm in the stem, layer norm after it."""
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 4, 4), nn.BatchNorm2d(8), nn.Flatten(2)),
        *(nn.LayerNorm(4), nn.Flatten(), nn.Linear(32, 10)),
    )


class Unused(CifarResNet):
    """Group norms, and a batch norm that no pass calls."""

    def __init__(self):
        super().__init__(depth=8, groups=4)
        self.unused = nn.BatchNorm1d(4)


class Functional(nn.Sequential):
    """A batch norm that only keeps the numbers."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 8), nn.BatchNorm2d(8), nn.Linear(8, 10))

    def forward(self, x):
        conv, norm, head = self
        x = F.batch_norm(conv(x), norm.running_mean, norm.running_var)
        return head(x.relu().mean((2, 3)))


VIT = dict(img_size=8, patch_size=4, embed_dim=8, depth=1, num_heads=2, num_classes=10)
SWIN = dict(img_size=8, patch_size=2, window_size=2, embed_dim=8, depths=(2,), num_heads=(2,))


@pytest.mark.parametrize(
    'make, terms',
    [
        (lambda: create_model('vit_tiny_patch16_224', **VIT), 3),
        (lambda: create_model('swin_tiny_patch4_window7_224', num_classes=10, **SWIN), 3),
        (lambda: CifarResNet(depth=8, groups=4), 3),
        (mixed, 4),
        (Unused, 3),
        (Functional, 3),
    ],
    ids=['vit', 'swin', 'group norm', 'mixed', 'unused', 'functional'],
)
def test_teachers_without_batch_norm(make, terms, tmp_path, no_report):
    """Nothing is set but the teacher; every prior is in the log, and is finite."""
    torch.manual_seed(0)
    sizes = dict(image_size=8, num_classes=10)
    result = tiny(make(), CifarResNet(depth=8), tmp_path / 'run', budget=3, **sizes)
    names = [name for name in result.history[-1] if name.startswith('inversion_')]
    assert len(names) == terms
    assert all(math.isfinite(result.history[-1][name]) for name in names)


@pytest.mark.parametrize(
    'make, called',
    [
        (lambda: CifarResNet(depth=8), True),
        (lambda: CifarResNet(depth=8).train(), True),
        (lambda: CifarResNet(depth=8).half(), True),
        (lambda: CifarResNet(depth=8).double(), True),
        (lambda: nn.DataParallel(CifarResNet(depth=8)), True),
        (lambda: CifarResNet(depth=8, groups=4), False),
        (mixed, True),
        (Unused, False),
        (Functional, False),
    ],
)
def test_whether_a_pass_calls_batch_norms(make, called):
    teacher = make()
    modes = [m.training for m in teacher.modules()]
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    assert teacher_statistics(teacher, 8, 3) is called
    assert [m.training for m in teacher.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
    assert not any(m._forward_pre_hooks for m in teacher.modules())


@pytest.mark.parametrize('size', [None, 'x', (8,), 10**6, 0, (8, 2.5), 5])
def test_images_that_a_teacher_does_not_take(size):
    """Another part names the mistake."""
    assert teacher_statistics(mixed(), size, 3)
    assert not teacher_statistics(CifarResNet(depth=8, groups=4), size, 3)
