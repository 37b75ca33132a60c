"""Each mistake ends in one clear line and a non-zero status, before any training."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import DIGITS, ROOT, TINY, as_options, call_tool, run_tool, save_teacher
from mmengine.config import Config
from PIL import Image
from segmentation_runs import CAMVID, HEIGHT, WIDTH, camvid_options

from ssdkd.distillers import SSDKD
from ssdkd.registry import MODELS

RESNET8 = dict(type='CifarResNet', depth=8)


@pytest.fixture
def folder(tmp_path):
    save_teacher(RESNET8, tmp_path / 'teacher.pth', image_size=16)
    return tmp_path


def arguments(folder: Path, options: dict, config=DIGITS) -> list[str]:
    options = TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'} | options
    return [
        str(config),
        '--work-dir',
        str(folder / 'run'),
        '--cfg-options',
        *as_options(options),
    ]


def error_of(capfd, *args, tool: str = 'train.py') -> str:
    """The last line on stderr of a command that must fail."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit:
        call_tool(tool, *args)
    assert exit.value.code == 2
    stderr = capfd.readouterr().err
    assert 'Traceback' not in stderr
    last = stderr.strip().splitlines()[-1]
    assert last.startswith('error: ')
    return last


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError('training had begun')

    monkeypatch.setattr(SSDKD, 'synthesize', fail)
    monkeypatch.setattr(SSDKD, 'train_step', fail)


BEFORE_TRAINING = {
    'missing checkpoint': (
        {'model.teacher.checkpoint': 'no/such.pth'},
        "there is no file 'no/such.pth'",
    ),
    'wrong number of classes': (
        {
            'num_classes': 7,
            'model.teacher.model.num_classes': 7,
            'model.student.model.num_classes': 7,
            'model.task.num_classes': 7,
        },
        'is num_classes right?',
    ),
    'task of other classes': (
        {'model.task.num_classes': 7},
        'model.task.num_classes=7; make them equal',
    ),
    'unknown loss': (
        {'model.synthesizer.losses.bn.type': 'BNStatisticLoss'},
        "unknown type 'BNStatisticLoss'; did you mean BNStatisticsLoss",
    ),
    'misspelt name of a loss': (
        {'model.synthesizer.losses.bnn.weight': 1},
        "model.synthesizer: loss: {'weight': 1} has no key 'type'",
    ),
    'unknown network': (
        {'model.student.model.type': 'CifarRestNet'},
        'did you mean CifarResNet',
    ),
    'unknown distiller': ({'model.type': 'SSDKDD'}, 'did you mean SSDKD'),
    'unknown loop': ({'train_cfg.type': 'DistilLoop'}, 'did you mean DistillLoop'),
    'unknown hook': (
        {'default_hooks.timer.type': 'IterTimeHook'},
        'did you mean IterTimerHook',
    ),
    'unknown optimizer': ({'optim_wrapper.student.optimizer.type': 'SDG'}, 'did you mean SGD'),
    'unknown schedule': (
        {'param_scheduler.student.0.type': 'CosineAnealingLR'},
        'did you mean Cosine',
    ),
    'unknown metric': ({'val_evaluator.type': 'Acuracy'}, 'did you mean Accuracy'),
    'unknown dataset': ({'val_dataloader.dataset.type': 'Digit'}, 'did you mean Digits'),
    'unknown key of a component': (
        {'model.buffer.capcity': 8},
        "unknown key 'capcity'; did you mean capacity",
    ),
    'unknown key of the distiller': (
        {'model.batchsize': 8},
        "unknown key 'batchsize'; did you mean batch_size",
    ),
    'unknown key of the loop': (
        {'train_cfg.max_round': 8},
        "unknown key 'max_round'; did you mean max_rounds",
    ),
    'unknown key of the optimizer': ({'optim_wrapper.student.optimizer.lrr': 8}, 'lrr'),
    'unknown role': ({'optim_wrapper.pupil.type': 'OptimWrapper'}, 'optim_wrapper.pupil'),
    'capacity below a batch': (
        {'model.buffer.capacity': 15},
        'model.buffer.capacity=15 is smaller than',
    ),
    'image size': (
        {'model.synthesizer.generator.image_size': 30},
        "key 'image_size' is 30, and 30 is not a multiple of 4 from 8; use 28 or 32",
    ),
    'a data loader': ({'train_dataloader.batch_size': 4}, 'train_dataloader must be dict()'),
    'rounds': ({'train_cfg.max_rounds': 1}, 'train_cfg.max_rounds=1 must be greater'),
    'a single class': ({'model.task.num_classes': 1}, 'model.task.num_classes=1 must be at'),
    'empty batch': ({'model.batch_size': 0}, 'model.batch_size=0 must be at least 1'),
    'negative batch': ({'model.batch_size': -3}, 'model.batch_size=-3 must be at least 1'),
    'batch size as text': (
        {'model.batch_size': 'many'},
        "model.batch_size='many' must be an integer",
    ),
    'no steps': (
        {'model.synthesizer.steps': 0},
        'model.synthesizer: GeneratorSynthesizer: steps=0 must be at least 1',
    ),
    'latents at infinity': (
        {'model.synthesizer.latent_lr': 'inf'},
        'model.synthesizer: GeneratorSynthesizer: latent_lr=inf must be a finite number',
    ),
    'not a number': (
        {'model.synthesizer.latent_lr': 'nan'},
        'model.synthesizer.latent_lr=nan is not a number',
    ),
    'not a number in a list': (
        {'model.teacher.std': '[nan,1,1]'},
        'model.teacher.std.0=nan is not',
    ),
    'half a slot': ({'model.buffer.capacity': 64.5}, 'capacity=64.5 must be an integer'),
    'a buffer that is a number': ({'model.buffer': 64}, 'model.buffer=64 must be a dict'),
    'rounds as text': ({'train_cfg.max_rounds': 'many'}, "train_cfg.max_rounds='many' must"),
    'a loop that is text': ({'train_cfg': 'long'}, "train_cfg='long' must be a dict"),
    'a key below a number': ({'model.batch_size.of': 3}, '--cfg-options: '),
    'learning rate': (
        {'optim_wrapper.student.optimizer.lr': -1},
        'optim_wrapper.student.optimizer.lr=-1 must be at least 0',
    ),
    'learning rate as text': (
        {'optim_wrapper.student.optimizer.lr': 'fast'},
        "optim_wrapper.student.optimizer.lr='fast' must be a finite number",
    ),
    'momentum': (
        {'optim_wrapper.student.optimizer.momentum': 1.5},
        'optim_wrapper.student.optimizer.momentum=1.5 must lie in [0, 1)',
    ),
    'betas': (
        {'optim_wrapper.generator.optimizer.betas': '(0.5,1.5)'},
        'optim_wrapper.generator.optimizer.betas=',
    ),
    'what only the optimizer knows': (
        {'optim_wrapper.student.optimizer.dampening': 0.5},
        'optim_wrapper.student: Nesterov momentum requires',
    ),
    'length of a schedule': (
        {'param_scheduler.student.0.T_max': 'long'},
        "param_scheduler.student.0.T_max='long' must be an integer",
    ),
    'schedule that begins after the end': (
        {'param_scheduler.student.0.begin': 1000},
        'param_scheduler.student.0: CosineAnnealingLR: end should be larger than begin',
    ),
    'schedule below 0': (
        {'param_scheduler.student.0.eta_min': -0.1},
        'param_scheduler.student.0.eta_min=-0.1 must be at least 0',
    ),
    'schedule that is text': (
        {'param_scheduler.student': 'cosine'},
        "param_scheduler.student.0='cosine' must be a dict",
    ),
    'seed': ({'randomness.seed': -3}, 'randomness.seed=-3 must lie in [0, 4294967295]'),
    'seed as text': ({'randomness.seed': 'x'}, "randomness.seed='x' must be an integer"),
    'batches of a val set': ({'val_dataloader.batch_size': 0}, 'val_dataloader.batch_size=0'),
    'interval of checkpoints': (
        {'default_hooks.checkpoint.interval': 'often'},
        "default_hooks.checkpoint.interval='often' must be an integer",
    ),
    'interval of a hook': ({'custom_hooks.0.interval': 0}, 'interval=0 must be at least 1'),
}


@pytest.mark.parametrize('case', BEFORE_TRAINING)
def test_before_training(folder, capfd, no_training, case):
    options, message = BEFORE_TRAINING[case]
    assert message in error_of(capfd, *arguments(folder, options))


@pytest.mark.parametrize('wrong', [float('nan'), float('inf')])
@pytest.mark.parametrize('key', ['conv1.weight', 'bn1.running_var'])
def test_damaged_teacher(folder, capfd, no_training, key, wrong):
    state = torch.load(folder / 'teacher.pth')
    state[key].view(-1)[5] = wrong
    torch.save(state, folder / 'teacher.pth')
    message = error_of(capfd, *arguments(folder, {}))
    assert f"'{key}' holds {wrong}" in message and 'model.teacher' in message
    assert 'damaged' in message and 'learning' not in message and '.lr' not in message


def test_truncated_checkpoint(folder, capfd, no_training):
    whole = (folder / 'teacher.pth').read_bytes()
    (folder / 'teacher.pth').write_bytes(whole[: len(whole) // 2])
    assert 'it is truncated' in error_of(capfd, *arguments(folder, {}))


def test_teacher_without_batch_norm(folder, capfd, no_training, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import module_without_bn

    torch.save(module_without_bn.WithoutBatchNorm().state_dict(), folder / 'teacher.pth')
    config = folder / 'user.py'
    config.write_text(
        f"_base_ = ['{DIGITS}']\n"
        "model = dict(teacher=dict(model=dict(_delete_=True, type='module',\n"
        "                                     path='module_without_bn.WithoutBatchNorm')))\n"
    )
    options = {k: v for k, v in TINY.items() if k != 'model.teacher.model.depth'}
    options['model.teacher.checkpoint'] = folder / 'teacher.pth'
    message = error_of(
        capfd, config, '--work-dir', folder / 'run', '--cfg-options', *as_options(options)
    )
    assert 'BNStatisticsLoss' in message and 'no batch-norm layer' in message
    assert 'remove this loss' in message


def test_no_such_config(capfd):
    assert "there is no config 'configs/nothing.py'" in error_of(capfd, 'configs/nothing.py')


def test_config_that_is_no_python(tmp_path, capfd):
    (tmp_path / 'broken.py').write_text('model = dict(\n')
    assert 'broken.py' in error_of(capfd, tmp_path / 'broken.py')


def test_config_without_a_model(tmp_path, capfd):
    (tmp_path / 'empty.py').write_text('seed = 1\n')
    assert 'model' in error_of(capfd, tmp_path / 'empty.py')


def test_a_seed_that_is_none(folder, capfd, no_training):
    said = error_of(capfd, *arguments(folder, {}), '--seed', '-3')
    assert 'seed=-3' in said or 'seed: -3' in said


def test_resume_from_nothing_named(folder, capfd, no_training):
    args = [*arguments(folder, {}), '--resume', 'no/such.pth']
    assert "there is no checkpoint 'no/such.pth'" in error_of(capfd, *args)


def test_resume_from_a_truncated_checkpoint(folder, capfd, no_training):
    (folder / 'run').mkdir()
    (folder / 'run/round_3.pth').write_bytes((folder / 'teacher.pth').read_bytes()[:5000])
    assert 'round_3.pth' in error_of(capfd, *arguments(folder, {}), '--resume')


def test_used_work_dir(folder, capfd, no_training):
    """Its tools would mix up the checkpoints of two runs."""
    (folder / 'run').mkdir()
    (folder / 'run/round_3.pth').touch()
    assert 'holds a run already; go on with --resume' in error_of(capfd, *arguments(folder, {}))


def test_loss_that_is_not_a_number(folder, capfd, monkeypatch):
    """It stops in the same round, names the term and keeps the last good checkpoint."""
    from ssdkd.losses import ClassPriorLoss

    forward, calls = ClassPriorLoss.forward, []

    def spoilt(self, state):
        calls.append(0)
        # Two steps a round: from the third round on.
        return forward(self, state) * (float('nan') if len(calls) > 4 else 1.0)

    monkeypatch.setattr(ClassPriorLoss, 'forward', spoilt)
    message = error_of(capfd, *arguments(folder, {}))
    assert "round 3: 'inversion_class_prior' is nan" in message
    good = re.search(r'Last good checkpoint: (\S*round_2\.pth)', message)[1]
    state = torch.load(good)['state_dict']
    assert all(v.isfinite().all() for v in state.values())
    assert not (folder / 'run/student.pth').exists()


def broken(value) -> bool:
    """Whether a number that is not finite is anywhere in what a checkpoint holds."""
    if isinstance(value, torch.Tensor):
        return not value.isfinite().all()
    parts = value.values() if isinstance(value, dict) else value
    return isinstance(value, dict | list | tuple) and any(map(broken, parts))


# At 1e12 and 1e9 the statistics of batch norms overflow first, while all weights are finite.
@pytest.mark.parametrize(
    'role, lr', [('student', 1e30), ('student', 1e12), ('generator', 1e30), ('generator', 1e9)]
)
def test_learning_rate_that_explodes(folder, capfd, role, lr):
    options = {f'optim_wrapper.{role}.optimizer.lr': lr, 'train_cfg.max_rounds': 6}
    message = error_of(capfd, *arguments(folder, options))
    assert re.search('training stopped in round [1-6]', message)
    assert re.search(rf'Lower optim_wrapper.({role}|\*).optimizer.lr', message)
    for path in (folder / 'run').glob('*_*.pth'):
        content = torch.load(path)
        for part in ('state_dict', 'optimizer', 'distillation'):
            assert not broken(content[part]), (path, part)


def test_as_a_process(folder):
    """The same seen from outside: status, one last line, nothing written."""
    done = run_tool('train.py', *arguments(folder, {'model.buffer.capacity': 8}))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith('error: model.buffer.capacity=8')
    assert 'Traceback' not in done.stderr
    assert not list((folder / 'run').glob('*.pth'))
    assert (ROOT / 'tools/train.py').is_file()


# Segmentation: the shipped CamVid config, on generated images.
PIXELWISE = (
    "type='module', path='torch.nn.Conv2d', in_channels=3, out_channels={}, kernel_size=1"
)
SMALL_SEGMENTOR = """dict(
    _delete_=True, type='mmseg', num_classes=11, model=dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor', mean=[127.0] * 3, std=[128.0] * 3, bgr_to_rgb=True,
            size=(64, 96), pad_val=0, seg_pad_val=255),
        backbone=dict(
            type='ResNetV1c', depth=18, base_channels=8, norm_cfg=dict(type='BN'),
            num_stages={stages}, out_indices=(0, {last}), strides=(1, 2, 2)[:{stages}],
            dilations=(1, 1, 1)[:{stages}]),
        decode_head=dict(
            type='FCNHead', in_channels={channels}, in_index=1, channels=8, num_convs=1,
            num_classes=11, norm_cfg=dict(type='BN'), align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss')),
        train_cfg=dict(), test_cfg=dict(mode='whole')))"""
STRIDE_8 = SMALL_SEGMENTOR.format(stages=2, last=1, channels=16)
STRIDE_16 = SMALL_SEGMENTOR.format(stages=3, last=2, channels=32)


@pytest.fixture(scope='module')
def segmentation(tmp_path_factory):
    """The folder of a teacher and of data, and the options that point there."""
    pytest.importorskip('mmseg')
    folder = tmp_path_factory.mktemp('segmentation')
    return folder, camvid_options(folder)


def segmentation_arguments(folder: Path, options: dict, text: str = '', base=CAMVID) -> list:
    """Arguments of train.py for the config ``base`` as a user changes it with ``text``."""
    config = folder / 'user.py'
    config.write_text(f"_base_ = ['{base}']\n{text}\n")
    return [config, '--work-dir', folder / 'run', '--cfg-options', *as_options(options)]


# Other networks share no layers.
APART = 'reuse=None, distillation=dict(features=None)'


def part(role: str, model: str) -> str:
    return f'model = dict({role}=dict(model={model}), {APART})'


SEGMENTATION = {
    'student of other classes': (
        part('student', f'dict(_delete_=True, {PIXELWISE.format(7)})'),
        'model.student has 7 outputs, but model.task.num_classes=11; make them equal',
    ),
    'student that classifies': (
        part('student', "dict(_delete_=True, type='CifarResNet', depth=8, num_classes=11)"),
        'model.student gives logits of shape [1, 11], but Segmentation needs [N, K, H, W]',
    ),
    'teacher that was trained on other classes': (
        'model = dict(teacher=dict(model=dict(num_classes=7)))',
        'conv_seg.weight is [11, 96, 1, 1] in the file, [7, 96, 1, 1] in the model',
    ),
    'no such config of mmseg': (
        part('student', "dict(_delete_=True, type='mmseg', config='no/such.py')"),
        "config 'no/such.py' cannot be read",
    ),
    'unknown segmentor': (
        part('student', "dict(model=dict(type='EncoderDecodr'))"),
        'model.student: model: type',
    ),
    'unknown key of the task': (
        'model = dict(task=dict(min_confidense=0.5))',
        "unknown key 'min_confidense'; did you mean min_confidence",
    ),
    'confidence that no pixel has': (
        'model = dict(task=dict(min_confidence=1.5))',
        'task.min_confidence=1.5 must lie in [0, 1)',
    ),
    'buffer beyond its limit': (
        'model = dict(buffer=dict(max_gib=1e-6))',
        'capacity=8 takes 8 x 3 x 64 x 64 bytes = 9.16e-05 GiB, more than max_gib=1e-06; '
        'lower capacity or raise max_gib',
    ),
    'pinned memory of an accelerator': (
        'model = dict(buffer=dict(device=None, pin_memory=True))',
        "pin_memory=True needs device='cpu'",
    ),
}


@pytest.mark.parametrize('case', SEGMENTATION)
def test_segmentation_before_training(segmentation, tmp_path, capfd, no_training, case):
    text, message = SEGMENTATION[case]
    args = segmentation_arguments(tmp_path, segmentation[1], text)
    assert message in error_of(capfd, *args)


def test_teacher_of_other_classes(segmentation, tmp_path, capfd, no_training):
    torch.save(torch.nn.Conv2d(3, 7, 1).state_dict(), tmp_path / 'teacher.pth')
    text = part('teacher', f'dict(_delete_=True, {PIXELWISE.format(7)})')
    options = segmentation[1] | {'model.teacher.checkpoint': tmp_path / 'teacher.pth'}
    message = error_of(capfd, *segmentation_arguments(tmp_path, options, text))
    assert 'model.teacher has 7 outputs, but model.task.num_classes=11; make' in message


def test_segmentor_where_a_classifier_belongs(folder, capfd, no_training):
    options = {k: v for k, v in TINY.items() if k != 'model.teacher.model.depth'}
    options['model.teacher.checkpoint'] = folder / 'teacher.pth'
    text = (
        'model = dict(teacher=dict(model=dict(depth=8)), student=dict(model=dict('
        f'_delete_=True, {PIXELWISE.format(10)})))'
    )
    message = error_of(capfd, *segmentation_arguments(folder, options, text, DIGITS))
    assert 'model.student gives logits of shape [1, 10, 16, 16], but Classification' in message
    assert 'needs [N, K]; choose another network or another model.task' in message


def spoilt_labels(segmentation, tmp_path: Path, split: str) -> Path:
    """A copy of the data, in which one label of each image is no class."""
    shutil.copytree(segmentation[0] / 'camvid/img_dir/val', tmp_path / f'data/img_dir/{split}')
    (tmp_path / f'data/ann_dir/{split}').mkdir(parents=True)
    for path in (segmentation[0] / 'camvid/ann_dir/val').iterdir():
        labels = np.array(Image.open(path))
        labels[7, 5] = 12
        Image.fromarray(labels).save(tmp_path / f'data/ann_dir/{split}' / path.name)
    return tmp_path / 'data'


def test_labels_outside_the_classes(segmentation, tmp_path, capfd, no_training):
    data = spoilt_labels(segmentation, tmp_path, 'val')
    options = segmentation[1] | {'val_dataloader.dataset.data_root': data}
    message = error_of(capfd, *segmentation_arguments(tmp_path, options))
    assert f"'{data}/ann_dir/val/0000.png' holds label 12, but there are 11 classes" in message
    assert 'convert the label maps, or correct the number of classes' in message


def test_missing_label_map(segmentation, tmp_path, capfd, no_training):
    data = shutil.copytree(segmentation[0] / 'camvid', tmp_path / 'data')
    (data / 'ann_dir/val/0000.png').unlink()
    options = segmentation[1] | {'val_dataloader.dataset.data_root': data}
    message = error_of(capfd, *segmentation_arguments(tmp_path, options))
    assert f"No such file or directory: '{data}/ann_dir/val/0000.png'" in message


def test_missing_data(segmentation, tmp_path, capfd, no_training):
    options = segmentation[1] | {'val_dataloader.dataset.data_root': 'no/such'}
    message = error_of(capfd, *segmentation_arguments(tmp_path, options))
    assert "val_dataloader.dataset.data_prefix.img_path: 'no/such/img_dir/val'" in message
    assert 'docs/data.md' in message


def teacher_arguments(segmentation, tmp_path: Path, options: dict) -> list:
    """Arguments of train_teacher.py for a small network, on images of 72x112."""
    config = tmp_path / 'user.py'
    config.write_text(
        f"_base_ = ['{ROOT}/configs/teachers/camvid_deeplabv3plus_efficientnetlite0.py']\n"
        f'model = {STRIDE_8}\n'
    )
    options = {
        'train_cfg.max_epochs': 1,
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'train_dataloader.dataset.pipeline.3.scale': (WIDTH, HEIGHT),
        'train_dataloader.dataset.pipeline.4.crop_size': (64, 96),
        'val_dataloader.dataset.data_root': segmentation[0] / 'camvid',
        **options,
    }
    return [config, '--work-dir', tmp_path / 'run', '--cfg-options', *as_options(options)]


def test_teacher_with_labels_outside_the_classes(segmentation, tmp_path, capfd):
    data = spoilt_labels(segmentation, tmp_path, 'train')
    options = {'train_dataloader.dataset.data_root': data}
    args = teacher_arguments(segmentation, tmp_path, options)
    message = error_of(capfd, *args, tool='train_teacher.py')
    assert re.search(r"ann_dir/train/000\d.png' holds label 12, but there are 11", message)
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_images_smaller_than_the_crop_are_padded(segmentation, tmp_path, monkeypatch):
    from mmseg.models.segmentors import EncoderDecoder

    seen, loss = [], EncoderDecoder.loss

    def recorded(self, inputs, data_samples):
        seen.append([inputs.shape, *(s.gt_sem_seg.data for s in data_samples)])
        losses = loss(self, inputs, data_samples)
        assert losses['decode.loss_ce'].isfinite()
        return losses

    monkeypatch.setattr(EncoderDecoder, 'loss', recorded)
    data = tmp_path / 'data'
    shutil.copytree(segmentation[0] / 'camvid/img_dir/val', data / 'img_dir/train')
    shutil.copytree(segmentation[0] / 'camvid/ann_dir/val', data / 'ann_dir/train')
    options = {
        'train_dataloader.dataset.data_root': data,
        'train_dataloader.dataset.pipeline.3.ratio_range': (0.5, 0.5),
    }
    call_tool('train_teacher.py', *teacher_arguments(segmentation, tmp_path, options))
    assert len(seen) == 2
    for shape, *labels in seen:
        assert shape == (2, 3, 64, 96)
        for one in labels:  # half of 72x112, and void around it
            assert one.shape == (1, 64, 96)
            assert (one[:, HEIGHT // 2 :] == 255).all() and (
                one[..., WIDTH // 2 :] == 255
            ).all()
            assert (one[:, : HEIGHT // 2, : WIDTH // 2] != 255).any()


def test_strides_of_teacher_and_student_may_differ(segmentation, tmp_path):
    text = (
        f'model = dict(teacher=dict(model={STRIDE_8}), student=dict(model={STRIDE_16}),'
        f' {APART})\n'
        'val_dataloader = val_cfg = val_evaluator = None\n'
    )
    options = {k: v for k, v in segmentation[1].items() if not k.startswith('val_')}
    options['model.teacher.checkpoint'] = tmp_path / 'teacher.pth'
    config, *args = segmentation_arguments(tmp_path, options, text)
    cfg = Config.fromfile(config)
    save_teacher(cfg.model.teacher.model, tmp_path / 'teacher.pth', image_size=64)
    images = torch.rand(1, 3, 64, 64)
    shapes = [
        MODELS.build(cfg.model[role].model).eval()(images).shape[2:]
        for role in ('teacher', 'student')
    ]
    assert shapes == [(8, 8), (4, 4)]
    call_tool('train.py', config, *args)
    student = torch.load(tmp_path / 'run/student.pth')['state_dict']
    assert all(v.isfinite().all() for v in student.values())
