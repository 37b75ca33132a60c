"""Whole tiny runs through mmengine's Runner: what must not change, and what is not read."""

import copy
import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
import torchvision
from helpers import NO_VAL, build_runner, student_of
from mmengine.model import BaseModel
from torch import nn

from ssdkd.distillers import ReplayDistiller
from ssdkd.engine import DistillLoop, LatentStream
from ssdkd.errors import ConfigError
from ssdkd.models import Teacher
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.registry import DATASETS
from ssdkd.runs import read_rounds
from ssdkd.runs.files import read_environment
from ssdkd.visualization import read_curves


def check_teacher_is_untouched(cfg) -> None:
    """Train through the Runner; the teacher's whole state dict stays as it was loaded."""
    runner = build_runner(cfg)
    before = torch.load(cfg.model.teacher.checkpoint)
    runner.train()
    after = runner.model.teacher.model.state_dict()
    assert before.keys() == after.keys()
    different = [k for k in before if not torch.equal(before[k], after[k])]
    assert not different, different
    assert not any(p.grad is not None for p in runner.model.teacher.parameters())


def test_teacher_is_bit_identical_after_training(tiny):
    check_teacher_is_untouched(tiny())


def test_check_sees_a_teacher_in_training_mode(tiny, monkeypatch):
    monkeypatch.setattr(Teacher, 'train', nn.Module.train)
    with pytest.raises(AssertionError, match='running_mean'):
        check_teacher_is_untouched(tiny())


def test_check_sees_a_weight_initialisation_of_the_teacher(tiny, monkeypatch):
    def reset(teacher):
        teacher.model.conv1.reset_parameters()

    monkeypatch.setattr(Teacher, 'init_weights', reset, raising=False)
    check_teacher_is_untouched(tiny())  # ReplayDistiller.init_weights does not descend ...
    monkeypatch.setattr(ReplayDistiller, 'init_weights', BaseModel.init_weights)
    with pytest.raises(AssertionError, match='conv1'):  # ... and mmengine's own does
        check_teacher_is_untouched(tiny())


@pytest.fixture
def no_datasets(monkeypatch):
    """Every dataset class, ours and torchvision's, raises when one is made."""

    def fail(self, *args, **kwargs):
        raise AssertionError(f'a {type(self).__name__} was made')

    known = [DATASETS.get(name) for name in DATASETS.names()]
    known += [
        c
        for c in vars(torchvision.datasets).values()
        if isinstance(c, type) and issubclass(c, torch.utils.data.Dataset)
    ]
    assert len(known) > 50
    for dataset in known:
        monkeypatch.setattr(dataset, '__init__', fail)


def test_training_is_data_free(tiny, no_datasets):
    cfg = tiny(NO_VAL)
    build_runner(cfg).train()
    assert student_of(cfg)
    summary = json.loads((Path(cfg.work_dir) / 'summary.json').read_text())
    assert 'student_accuracy' not in summary and summary['buffer_samples'] == 48


def test_the_proof_sees_a_dataset(tiny, no_datasets):
    with pytest.raises(AssertionError, match='a Digits was made'):
        build_runner(tiny()).train()


def test_the_proof_sees_a_dataset_inside_the_loop(tiny, no_datasets, monkeypatch):
    monkeypatch.setattr(DistillLoop, 'run_round', lambda self: torchvision.datasets.FakeData())
    with pytest.raises(AssertionError, match='a FakeData was made'):
        build_runner(tiny(NO_VAL)).train()


def test_same_seed_same_student_other_seed_other_student(tiny):
    students = []
    for seed in (0, 0, 1):
        cfg = tiny(NO_VAL | {'randomness.seed': seed})
        build_runner(cfg).train()
        students.append(student_of(cfg))
    first, again, other = students
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first['conv1.weight'], other['conv1.weight'])


def test_validation_does_not_disturb_training(tiny):
    """The numbers of a run do not depend on whether, or how often, it is looked at."""
    cfg = tiny()
    build_runner(cfg).train()
    with_val = student_of(cfg)
    cfg = tiny(NO_VAL)
    build_runner(cfg).train()
    assert all(torch.equal(v, with_val[k]) for k, v in student_of(cfg).items())


def test_the_last_line_is_the_summary(tiny):
    cfg = tiny()
    build_runner(cfg).train()
    work_dir = Path(cfg.work_dir)
    summary = json.loads((work_dir / 'summary.json').read_text())
    assert summary['rounds'] == 4 and summary['student_steps'] == 6
    assert summary['buffer_samples'] == 48 and summary['seed'] == 0
    assert summary['teacher_parameters'] == summary['student_parameters'] == 75290
    assert {
        'teacher_accuracy',
        'student_accuracy',
        'inversion_seconds',
        'distillation_seconds',
    } <= summary.keys()
    (log,) = work_dir.glob('*/*.log')
    lines = log.read_text().splitlines()
    assert 'Summary' in lines[-1]
    rounds = [line for line in lines if 'Round' in line and 'eta' in line]
    assert len(rounds) == 3
    for word in ('loss', 'divergence', 'inversion_bn', 'inversion_class_prior'):
        assert all(re.search(rf'{word}: \d', line) for line in rounds), word
    warmup = next(line for line in lines if '] warm-up' in line)
    curve = read_curves(work_dir).scalars['inversion_bn']
    assert list(curve) == [1, 2, 3, 4], 'one value a round, those of the warm-up included'
    assert f'inversion_bn: {curve[1]:.4f}' in warmup
    assert any('Buffer' in line and 'class_ratio' in line for line in lines)


def test_a_teacher_at_chance_is_said_before_the_first_round(tiny):
    cfg = tiny({'train_cfg.max_rounds': 2})
    weights = torch.load(cfg.model.teacher.checkpoint)
    images = DATASETS.build(cfg.val_dataloader.dataset)
    teacher = build_runner(cfg).model.teacher
    with torch.no_grad():
        batch = torch.stack([sample['inputs'] for sample in images]).float() / 255
        predicted = teacher(batch).argmax(dim=1)
    labels = torch.tensor(images.labels)
    right = [(predicted.add(shift) % 10 == labels).sum() for shift in range(10)]
    # All shifts of the classes together are right once for each image: one is at chance.
    shift = int(torch.stack(right).argmin())
    for name in ('linear.weight', 'linear.bias'):
        weights[name] = weights[name].roll(shift, dims=0)
    torch.save(weights, cfg.model.teacher.checkpoint)
    build_runner(cfg).train()
    text = max(Path(cfg.work_dir).glob('*/*.log')).read_text()
    assert 0 < text.index('no more than by chance (10 %)') < text.index('Round [1/2]')
    assert text.count('Validation of the teacher') == 1


def test_one_json_line_per_round(tiny):
    cfg = tiny(NO_VAL)
    build_runner(cfg).train()
    lines = read_rounds(cfg.work_dir)
    assert [line['round'] for line in lines] == [1, 2, 3, 4]
    assert [line['phase'] for line in lines] == ['warm-up'] + ['distillation'] * 3
    curves = read_curves(cfg.work_dir)
    for name in ('inversion_bn', 'loss', 'divergence'):
        terms = {n['round']: n['terms'][name] for n in lines if name in n['terms']}
        assert terms == pytest.approx(curves.scalars[name]), name
    assert list(curves.minutes) == [1, 2, 3, 4]
    spent = [sum(line['seconds'].values()) for line in lines]
    assert all(0 < s <= line['elapsed'] for s, line in zip(spent, lines))
    assert read_environment(cfg.work_dir)['torch'] == version('torch')


def test_pictures_checkpoints_and_scalars(tiny):
    cfg = tiny()
    build_runner(cfg).train()
    work_dir = Path(cfg.work_dir)
    assert (work_dir / 'samples/round_4.png').stat().st_size > 100
    names = {p.name for p in work_dir.glob('*.pth')}
    assert {'round_3.pth', 'round_4.pth', 'student.pth'} <= names
    assert any(name.startswith('best_accuracy') for name in names)
    assert 'round_1.pth' not in names  # max_keep_ckpts
    scalars = [
        json.loads(line)
        for file in work_dir.glob('*/vis_data/*.json')
        for line in file.read_text().splitlines()
    ]
    assert any('buffer/class_9' in s and 'buffer/confidence_bin_9' in s for s in scalars)


def test_checkpoint_holds_the_whole_state(tiny):
    cfg = tiny(NO_VAL)
    build_runner(cfg).train()
    checkpoint = read_checkpoint(Path(cfg.work_dir) / 'round_4.pth')
    (state,) = checkpoint['distillation']  # one a process
    assert {'torch', 'python', 'numpy'} <= state.keys()
    assert {'buffer', 'sampler', 'rng'} <= state['distiller'].keys()
    assert state['distiller']['buffer']['columns']['priority'].shape == (48,)
    assert set(checkpoint['optimizer']) == {'student', 'generator'}
    assert any(k.endswith('bn.average') for k in checkpoint['state_dict'])  # the EMA


@pytest.mark.parametrize(
    'options, message',
    [
        ({'model.buffer.capacity': 15}, 'capacity=15 is smaller than model.batch_size=16'),
        (
            {'model.buffer.capacity': 15, 'model.batch_size': 8},
            'smaller than model.synthesizer.samples=16 (where samples is not set',
        ),
        ({'train_cfg.max_rounds': 1}, 'train_cfg.max_rounds=1 must be greater'),
        ({'train_dataloader': dict(batch_size=4)}, 'train_dataloader must be dict()'),
    ],
)
def test_a_loop_that_cannot_work(tiny, options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        build_runner(tiny(NO_VAL | options)).train()


def test_optimizer_of_an_unknown_role(tiny):
    cfg = tiny(NO_VAL)
    cfg.optim_wrapper.teacher = copy.deepcopy(cfg.optim_wrapper.student)
    with pytest.raises(ConfigError, match='optim_wrapper.teacher: unknown role'):
        build_runner(cfg).train()


def test_latent_stream():
    stream = LatentStream(steps_per_round=7)
    assert len(stream) == 7 and stream.dataset.metainfo is None
