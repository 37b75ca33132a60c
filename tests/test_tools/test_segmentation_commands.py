"""The shipped segmentation configs themselves, on tiny trees of images: train, resume, test.

Nothing but sizes, steps, paths and the precision is changed; teachers have random weights.
"""

import re
import shutil
from pathlib import Path

import pytest
import torch
from helpers import ROOT, as_options, call_tool, run_tool, save_teacher
from mmengine.config import Config
from PIL import Image

from ssdkd.models import load_weights
from ssdkd.registry import MODELS
from ssdkd.visualization.panels import GAP, HEADER

pytest.importorskip('mmseg')
from segmentation_data import VOC_SIZES, split_tree, voc_tree

# The largest images are resized to this; width, height.
SCALE = (80, 64)
TREES = {
    'voc': voc_tree,
    'nyuv2': lambda root: split_tree(root, ('train', 'test'), 13),
    'camvid': lambda root: split_tree(root, ('train', 'val'), 11),
}
TEACHERS = {
    'voc': 'voc_deeplabv3_resnet50',
    'nyuv2': 'nyuv2_deeplabv3_resnet50',
    'camvid': 'camvid_deeplabv3plus_efficientnetlite0',
}
CLASSES = {
    'voc': ('background', 'aeroplane', 'tvmonitor'),
    'nyuv2': ('bed', 'painting', 'window'),
    'camvid': ('sky', 'building', 'bicyclist'),
}
# Their many weights would take most of the time, in training and in checkpoints.
HEADS = {
    'model.teacher.model.model.decode_head.channels': 32,
    'model.student.model.model.decode_head.channels': 32,
}
DISTILLATION = {
    'model.synthesizer.generator.width': 8,
    'model.synthesizer.generator.latent_dim': 16,
    'model.synthesizer.generator.image_size': 64,
    'model.synthesizer.batch_size': 2,
    'model.synthesizer.steps': 1,
    'model.buffer.capacity': 3,  # overwritten from the second stored batch on
    'model.batch_size': 2,
    'model.autocast': None,  # bfloat16 takes three times as long on a CPU
    'train_cfg.max_rounds': 3,
    'train_cfg.warmup_rounds': 1,
    'train_cfg.steps_per_round': 1,
    'train_cfg.val_interval': 3,
    'default_hooks.checkpoint.interval': 2,
    'custom_hooks.5.images': 4,  # pictures of the estimate, QualityHook
}


def evaluation(tree: Path) -> dict:
    """The options of val and test sets."""
    return {
        f'{split}_dataloader.{key}': value
        for split in ('val', 'test')
        for key, value in {
            'num_workers': 0,
            'dataset.data_root': tree,
            'dataset.pipeline.1.scale': SCALE,
        }.items()
    }


def arguments(*args, **options) -> list[str]:
    return [*map(str, args), '--cfg-options', *as_options(options)]


def check_table(text: str, data: str) -> None:
    """mmseg's table of classes, and its means."""
    for name in CLASSES[data]:
        assert re.search(rf'\|\s+{name}\s+\|\s+[\dna.]+\s+\|\s+[\dna.]+\s+\|', text), name
    assert re.search(r'\|\s+Class\s+\|\s+IoU\s+\|\s+Acc\s+\|', text)
    means = dict(re.findall(r'(aAcc|mIoU|mAcc): (\d+\.\d+)', text))
    assert means.keys() == {'aAcc', 'mIoU', 'mAcc'}
    assert all(0 <= float(value) <= 100 for value in means.values())


def digest(path: Path) -> dict[str, bytes]:
    state = torch.load(path)['state_dict']
    return {k: v.numpy().tobytes() for k, v in state.items()}


@pytest.fixture
def folder(tmp_path):
    """Removed at the end: the checkpoints of a ResNet-50 and a MobileNetV2 take gigabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    'data',
    [
        pytest.param('voc', marks=pytest.mark.slow),
        pytest.param('nyuv2', marks=pytest.mark.slow),
        'camvid',
    ],
)
def test_distil_resume_and_test(folder, capfd, data):
    config = ROOT / f'configs/seg/{data}_deeplab.py'
    tree = TREES[data](folder / 'tree')
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(HEADS)
    teacher = save_teacher(cfg.model.teacher.model, folder / 'teacher.pth', image_size=64)
    paths = evaluation(tree) | HEADS | {'model.teacher.checkpoint': teacher}
    whole, resumed = folder / 'whole', folder / 'resumed'
    args = arguments(config, '--work-dir', whole, **DISTILLATION, **paths)
    done = run_tool('train.py', *args, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert 'The replay buffer takes 3 x 3 x 64 x 64 bytes' in done.stdout
    check_table(done.stdout, data)

    resumed.mkdir()
    shutil.copy(whole / 'round_2.pth', resumed)
    args = arguments(config, '--work-dir', resumed, '--resume', **DISTILLATION, **paths)
    call_tool('train.py', *args)
    assert digest(resumed / 'student.pth') == digest(whole / 'student.pth')

    where = ('--work-dir', folder / 'test', '--show-dir', folder / 'panels')
    capfd.readouterr()
    call_tool('test.py', *arguments(config, whole / 'student.pth', *where, **paths))
    check_table(capfd.readouterr().out, data)
    panels = sorted((folder / 'panels').iterdir())
    sizes = VOC_SIZES if data == 'voc' else [(64, 48)] * 4
    assert [Image.open(p).size for p in panels] == [
        (4 * width + 3 * GAP, height + HEADER) for width, height in sizes
    ]


@pytest.mark.parametrize(
    'data', [pytest.param(d, marks=[pytest.mark.slow] * (d != 'camvid')) for d in TREES]
)
def test_train_and_test_a_teacher(folder, capfd, data):
    """Some images are smaller than the crop, and padded."""
    config = ROOT / f'configs/teachers/{TEACHERS[data]}.py'
    paths = evaluation(TREES[data](folder / 'tree'))
    options = {
        'train_dataloader.dataset.data_root': folder / 'tree',
        'train_dataloader.dataset.pipeline.3.scale': SCALE,
        'train_dataloader.dataset.pipeline.4.crop_size': (64, 64),
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'model.model.data_preprocessor.size': (64, 64),
    }
    # Two steps, and a backbone that nobody has trained.
    if data == 'camvid':
        options |= {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1}
        backbone = {
            'model.model.backbone.pretrained': False,
            'model.model.backbone.pretrained_cfg_overlay': None,
        }
    else:
        options |= {'train_cfg.max_iters': 2, 'train_cfg.val_interval': 2}
        backbone = {'model.model.backbone.init_cfg': None}
    options |= backbone | paths
    call_tool('train_teacher.py', *arguments(config, '--work-dir', folder / 'run', **options))
    checkpoint = folder / 'run/teacher.pth'
    capfd.readouterr()
    where = ('--work-dir', folder / 'test')
    call_tool('test.py', *arguments(config, checkpoint, *where, **backbone, **paths))
    check_table(capfd.readouterr().out, data)
    # It is what the distillation's config expects.
    network = Config.fromfile(ROOT / f'configs/seg/{data}_deeplab.py').model.teacher.model
    load_weights(MODELS.build(network), checkpoint)
