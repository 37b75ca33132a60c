"""Mistakes in segmentation end in one clear line; what looks like one is trained."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from bad_input import error_of
from helpers import DIGITS, ROOT, TINY, as_options, call_tool, save_teacher
from mmengine.config import Config
from PIL import Image
from segmentation_runs import CAMVID, HEIGHT, WIDTH, camvid_options

from ssdkd.registry import MODELS

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
        'capacity=8 takes 8 x 3 x 64 x 64 bytes = 96 KiB, more than max_gib=1e-06; '
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
    assert 'get the data as docs/data.md describes' in message


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
