"""Digits, ResNet-20 -> ResNet-8: NAYER, on a CPU (README.md)."""

_base_ = [
    '../../configs/_base_/pairs/digits_resnet20_resnet8.py',
    './base.py',
    '../../configs/_base_/schedules/cpu.py',
    '../../configs/_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        class_names=[
            'zero',
            'one',
            'two',
            'three',
            'four',
            'five',
            'six',
            'seven',
            'eight',
            'nine',
        ],
        generator=dict(width=32, latent_dim=256),
        losses=dict(bn=dict(momentum=0.0)),
        batch_size=64,
        augment=[dict(type='RandomCropFlip', padding=2)],
    ),
    batch_size=64,
    distillation=dict(kl=dict(temperature=4.0)),
    augment=[dict(type='RandomCropFlip', padding=2)],
    channels_last=True,
)
train_cfg = dict(max_rounds=22, warmup_rounds=2, steps_per_round=30, val_interval=2)
work_dir = 'work_dirs/nayer'
