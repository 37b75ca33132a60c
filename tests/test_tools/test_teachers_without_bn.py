"""Transformers and a ConvNeXt of timm, trained on digits, distilled with one command each."""

import json

import pytest
import torch
from helpers import call_tool

from ssdkd.apis import distill
from ssdkd.models import CifarResNet, load_weights
from ssdkd.registry import MODELS

TEACHERS = dict(
    vit=dict(
        name='vit_tiny_patch16_224',
        img_size=32,
        patch_size=4,
        embed_dim=64,
        depth=3,
        num_heads=2,
    ),
    swin=dict(
        name='swin_tiny_patch4_window7_224',
        img_size=32,
        patch_size=2,
        window_size=4,
        embed_dim=32,
        depths=(2, 2),
        num_heads=(2, 2),
    ),
    convnext=dict(
        name='convnext_atto', patch_size=2, depths=(1, 1, 2, 1), dims=(24, 48, 96, 96)
    ),
)
EPOCHS = dict(vit=20, swin=50, convnext=20)
LEARNING_RATES = dict(vit=1e-3, swin=2e-3, convnext=1e-3)
RECIPE = """\
_base_ = 'ssdkd::teachers/digits_resnet20.py'
model = dict(network=dict(model=dict(_delete_=True, **{model})), autocast='auto')
train_cfg = dict(max_epochs={epochs}, val_interval={epochs})
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr={lr}, weight_decay=0.05))
"""
PAIR = """\
_base_ = 'ssdkd::_base_/datasets/digits.py'
num_classes = 10
teacher = dict(model={model}, checkpoint='{folder}/teacher/teacher.pth', mean=[0.5], std=[0.5])
student = dict(model=dict(type='CifarResNet', depth=8, num_classes=10))
budget = 'minutes'
"""


@pytest.mark.slow
@pytest.mark.parametrize('name', TEACHERS)
def test_distilled_with_one_command(name, tmp_path):
    model = dict(type='timm', num_classes=10, **TEACHERS[name])
    for file, text in (('recipe', RECIPE), ('pair', PAIR)):
        text = text.format(
            model=model, folder=tmp_path, epochs=EPOCHS[name], lr=LEARNING_RATES[name]
        )
        (tmp_path / f'{file}.py').write_text(text)
    call_tool('train_teacher.py', tmp_path / 'recipe.py', '--work-dir', tmp_path / 'teacher')
    arguments = ('--method', 'ssdkd_without_bn', '--work-dir', tmp_path / 'student')
    call_tool('train.py', tmp_path / 'pair.py', *arguments)
    summary = json.loads((tmp_path / 'student/summary.json').read_text())
    assert summary['teacher_accuracy'] > 80
    assert summary['student_accuracy'] > 40

    torch.manual_seed(0)
    teacher = MODELS.build(dict(model))
    load_weights(teacher, str(tmp_path / 'teacher/teacher.pth'))
    sizes = dict(num_classes=10, image_size=32, mean=0.5, std=0.5, budget=12)
    student = CifarResNet(depth=8)
    result = distill(teacher, student, work_dir=tmp_path / 'function', **sizes)
    assert result.history[-1]['agreement'] > 0.3
