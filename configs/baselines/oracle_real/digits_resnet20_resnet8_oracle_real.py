"""Digits, ResNet-20 -> ResNet-8: real images, NOT data-free, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/digits_resnet20_resnet8.py',
    '../../_base_/methods/oracle_real.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        dataset=dict(type='Digits', split='train', image_size=32), batch_size=10 * 64
    ),
    buffer=dict(capacity=10 * 64),
    batch_size=64,
    distillation=dict(kl=dict(temperature=4.0)),
    crop_padding=2,
    flip=False,
    channels_last=True,
)
train_cfg = dict(max_rounds=300, warmup_rounds=0, steps_per_round=10, val_interval=50)
