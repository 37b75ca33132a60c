"""Configs that are composed from a pair of networks, a method and a budget."""

import re

import pytest
import torch
from helpers import NO_VAL, as_options, call_tool, save_teacher
from mmengine.config import Config

from ssdkd.apis.validate import validate
from ssdkd.commands import demo
from ssdkd.commands.ending import command
from ssdkd.commands.main import run_command
from ssdkd.config.compose import compose
from ssdkd.config.names import complete_config, find_config, parts
from ssdkd.config.read import read_config
from ssdkd.errors import ConfigError
from ssdkd.old_keys import AUGMENT_KEYS

PAIR = 'digits_resnet20_resnet8'
SMALL = {
    'model.synthesizer.generator.width': 8,
    'model.synthesizer.generator.latent_dim': 16,
    'model.synthesizer.batch_size': 8,
    'model.batch_size': 8,
    'train_cfg.max_rounds': 3,
    'train_cfg.warmup_rounds': 1,
    'train_cfg.steps_per_round': 2,
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.checkpoint.max_keep_ckpts': 3,
}
MY_PAIR = """
num_classes = 7
teacher = dict(
    model=dict(type='CifarResNet', depth=8, num_classes=num_classes),
    checkpoint='teacher.pth',
    mean=[0.5],
    std=[0.5],
)
student = dict(model=dict(type='CifarResNet', depth=8, num_classes=num_classes))
image_size = 24
flip = False
"""
MY_METHOD = """
_base_ = ['ssdkd::_base_/methods/with_store.py']
model = dict(
    synthesizer=dict(type='GeneratorSynthesizer', steps=1, flip=True, crop_padding=3,
        generator=dict(type='DCGANGenerator', image_size=32), losses=dict(
            prior=dict(type='ClassPriorLoss', weight=1.0))),
)
by_budget = dict(tight=dict(model=dict(batch_size=16)))
from_pair = {'model.buffer.capacity': '10 * num_classes'}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's folder, without a clone, with a teacher where the pair expects it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / demo.TEACHER).parent.mkdir(parents=True)
    save_teacher(dict(type='CifarResNet', depth=20), tmp_path / demo.TEACHER)
    return tmp_path


def test_a_run_leaves_one_flat_file_that_runs_and_resumes(folder):
    options = ['--cfg-options', *as_options(SMALL | NO_VAL)]
    call_tool('train.py', PAIR, '--method', 'fast2', *options)
    run = folder / f'work_dirs/{PAIR}_fast2'
    flat = run / f'{PAIR}_fast2.py'
    assert '_base_' not in flat.read_text() and 'by_budget' not in flat.read_text()
    call_tool('train.py', flat, '--work-dir', 'again', *options)
    checkpoint = ('--resume', run / 'round_2.pth')
    call_tool('train.py', flat, '--work-dir', 'resumed', *checkpoint, *options)
    student = torch.load(run / 'student.pth')
    for other in ('again', 'resumed'):
        theirs = torch.load(folder / other / 'student.pth')
        assert all(torch.equal(v, theirs[k]) for k, v in student.items()), other
    call_tool('test.py', PAIR, run / 'student.pth', '--method', 'fast2')


def status_of(*line: str) -> int:
    try:
        command(run_command)(*map(str, line))
    except SystemExit as end:
        return end.code
    return 0


def test_commands_take_a_pair(folder, capsys):
    run_command('show', PAIR, '--method', 'dafl', '--cfg-options', 'model.batch_size=32')
    (folder / 'shown.py').write_text(capsys.readouterr().out)
    expected = compose(PAIR, 'dafl')
    expected.model.batch_size = 32
    assert Config.fromfile('shown.py').to_dict() == expected.to_dict()
    run_command('cp', PAIR, '.', '--method', 'dafl', '--budget', 'cpu')
    assert capsys.readouterr().out == f'{PAIR}_dafl_cpu.py\n'
    copy = Config.fromfile(f'{PAIR}_dafl_cpu.py')
    assert copy.to_dict() == compose(PAIR, 'dafl', 'cpu').to_dict()
    assert status_of('validate', PAIR, '--method', 'dafl') == 0
    assert status_of('validate', PAIR, '--cfg-options', 'model.bufer.capacity=8') == 2


def test_list_names_what_can_be_composed(capsys):
    run_command('list', 'configs')
    said = capsys.readouterr().out
    for name in (PAIR, 'fast2', 'published'):
        assert re.search(rf'^  {name} +\S', said, re.M), name
    assert 'with_store' not in said and 'ssdkd_cpu' not in said
    assert complete_config('digits') == [PAIR]


def test_later_parts_win():
    cfg = compose('cifar100_vgg11_resnet18', 'fast10', 'minutes')
    losses = cfg.model.synthesizer.losses
    assert losses.adversarial.weight == 1.0  # Fast's own for VGG
    assert (losses.bn.momentum, cfg.model.batch_size) == (0.0, 64)  # of the budget
    for part in (cfg.model, cfg.model.synthesizer):  # of the data
        assert part.augment == [dict(type='RandomCropFlip', padding=4, flip=True)]
    assert cfg.optim_wrapper.generator.optimizer.lr == 2e-2  # of the method
    assert compose('cifar100_vgg11_resnet18', 'zskt').model.distillation.kl.weight == 0.01
    small = compose('cifar10jpeg_resnet56_resnet20', 'fast2').model  # of the pair
    assert (small.autocast, small.cuda_graphs) == ('auto', True)


def test_a_pair_limits_the_shifts_and_flips_that_a_method_has():
    def augment(method, budget):
        cfg = compose(PAIR, method, budget)  # digits: shifts of 2 pixels, no flips
        return cfg.model.synthesizer.augment

    crop = dict(type='RandomCropFlip', padding=2, flip=False)
    assert augment('cmi', 'cpu') == augment('fast2', 'minutes') == [crop]
    assert augment('deepinversion', 'minutes') == [dict(type='RandomCropFlip', flip=False)]


@pytest.mark.parametrize('method', parts('methods'))
def test_shipped_methods_name_their_transforms(method):
    model = compose(PAIR, method).model
    for part in (model, model.get('synthesizer', {})):
        assert not AUGMENT_KEYS.keys() & part.keys()


def test_a_pair_a_method_and_a_budget_of_the_users(folder):
    (folder / 'mine.py').write_text(MY_PAIR)
    save_teacher(dict(type='CifarResNet', depth=8, num_classes=7), folder / 'teacher.pth', 24)
    assert read_config('mine.py').model.to_dict() == compose('mine.py', 'ssdkd').model.to_dict()
    cfg = read_config('mine.py', method='fast2', budget='minutes')
    generator = cfg.model.synthesizer.generator
    assert generator.image_size == 24
    assert cfg.model.augment == [dict(type='RandomCropFlip', padding=4, flip=False)]
    assert cfg.model.task.num_classes == 7 and 'val_dataloader' not in cfg
    (folder / 'ours.py').write_text(MY_METHOD)
    (folder / 'tight.py').write_text("_base_ = 'ssdkd::_base_/schedules/cpu.py'\n")
    cfg = read_config('mine.py', {}, './ours.py', 'tight.py')
    assert cfg.filename == 'mine_ours_tight.py'
    assert (cfg.model.batch_size, cfg.model.buffer.capacity) == (16, 70)
    assert (cfg.model.synthesizer.flip, cfg.model.synthesizer.crop_padding) == (False, 3)
    cfg.model.synthesizer.batch_size = 16
    assert validate(cfg) == []


def test_the_teacher_of_a_users_pair(folder):
    train_set = "train_set = dict(type='Digits', split='train', image_size=16)\n"
    (folder / 'mine.py').write_text(MY_PAIR.replace('= 7', '= 10') + train_set)
    options = {'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 512}
    options |= {'train_dataloader.num_workers': 0, 'train_cfg.val_interval': 1}
    call_tool('train_teacher.py', 'mine.py', '--cfg-options', *as_options(options))
    cfg = Config.fromfile(folder / 'work_dirs/mine_teacher/mine_teacher.py')
    assert cfg.model.network.model.depth == 8 and cfg.model.network.std == [0.5]
    assert cfg.model.augment == [dict(type='RandomCropFlip', padding=4, flip=False)]
    assert (folder / 'work_dirs/mine_teacher/teacher.pth').is_file()


MY_SETTINGS = "settings = dict(model=dict(reuse={'linear': 'linear'}))\n"


def test_settings_of_a_pair_count_for_every_method(folder):
    (folder / 'mine.py').write_text(MY_PAIR + MY_SETTINGS)
    for method in ('ssdkd', 'fast2', 'noise'):
        assert compose('mine.py', method).model.reuse == dict(linear='linear')
    (folder / 'mine.py').write_text(MY_PAIR + MY_SETTINGS + "kind = 'imagenet'\n")
    for method in ('ssdkd', 'fast2', 'noise'):
        assert compose('mine.py', method).model.reuse == dict(linear='linear')


def test_a_method_of_the_users_for_other_images(folder):
    (folder / 'mine.py').write_text(MY_PAIR.replace('24', '96') + "kind = 'imagenet'\n")
    (folder / 'ours.py').write_text(MY_METHOD)
    cfg, ours = compose('mine.py', 'ours.py', 'cpu'), compose('mine.py', 'ssdkd', 'cpu')
    generator = cfg.model.synthesizer.generator
    assert (generator.type, generator.image_size) == ('DeepGenerator', 96)
    assert cfg.train_cfg == ours.train_cfg  # it has none of its own
    assert cfg.model.synthesizer.losses.keys() == {'prior'}
    assert cfg.model.buffer.type == 'GrowingBuffer' and cfg.model.buffer.capacity == 70


@pytest.mark.parametrize(
    'arguments, message',
    [
        ((PAIR, 'fst2'), "there is no method 'fst2'; did you mean fast2"),
        ((PAIR, None, 'gpu'), "there is no budget 'gpu'; did you mean cpu"),
        (('digits', 'fast2'), f"there is no pair 'digits'; .*{PAIR}"),
        (('cls/digits_resnet20_resnet8_ssdkd', 'fast2'), f'there is no pair .*mean {PAIR}'),
        (('whole.py', 'fast2'), "'whole.py' is a whole config; --method and --budget go"),
        (('part.py', 'fast2'), "'part.py' is not a pair: it has no teacher, num_classes"),
        (
            ('mine.py', 'oracle_real'),
            "'oracle_real' needs train_set of the pair, and 'mine.py'",
        ),
        (('wrong.py', 'fast2'), "config 'wrong.py': "),
        (('kind.py', 'fast2'), "'kind.py': kind='imagnet'; did you mean imagenet"),
        (
            ('large.py', 'bare.py'),
            'the method has no model.synthesizer, which a pair for other',
        ),
    ],
)
def test_what_does_not_fit(arguments, message, folder):
    (folder / 'whole.py').write_text(f"_base_ = 'ssdkd::cls/{PAIR}_ssdkd.py'\n")
    (folder / 'part.py').write_text('student = dict()\n')
    (folder / 'mine.py').write_text(MY_PAIR)
    (folder / 'wrong.py').write_text('student = dict(\n')
    (folder / 'kind.py').write_text(MY_PAIR + "kind = 'imagnet'\n")
    (folder / 'large.py').write_text(MY_PAIR + "kind = 'imagenet'\n")
    (folder / 'bare.py').write_text("model = dict(type='Mine')\n")
    name, *more = arguments
    with pytest.raises(ConfigError, match=message):
        read_config(name, None, *more)


@pytest.mark.parametrize(
    'old, today',
    [
        (f'configs/baselines/fast2/{PAIR}_fast2.py', f'ssdkd train {PAIR} --method fast2'),
        (f'baselines/oracle_real/{PAIR}_oracle_real', f'{PAIR} --method oracle_real'),
        ('configs/teachers/cifar10_wrn40-2.py', 'train-teacher cifar10_wrn40-2_wrn16-1'),
        ('configs/baselines/camvid_deeplab_noise.py', 'benchmarks/camvid --methods noise'),
    ],
)
def test_files_of_before_say_what_they_are_called_now(old, today, capsys):
    assert status_of('train', old) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'it is composed: ssdkd ' in line and line.endswith(today)
    with pytest.raises(ConfigError):
        find_config(old)


def test_every_part_is_listed():
    assert len(parts('pairs')) >= 12 and len(parts('methods')) >= 12
    assert list(parts('schedules')) == ['cpu', 'minutes', 'published']
