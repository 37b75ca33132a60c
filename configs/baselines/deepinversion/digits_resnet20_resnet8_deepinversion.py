"""Digits, ResNet-20 -> ResNet-8: Adaptive DeepInversion, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/digits_resnet20_resnet8.py',
    '../../_base_/methods/deepinversion.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(batch_size=64, steps=100, jitter=2, flip=False),
    batch_size=64,
    distillation=dict(kl=dict(temperature=4.0)),
    crop_padding=2,
    flip=False,
    channels_last=True,
)
train_cfg = dict(max_rounds=10, warmup_rounds=0, steps_per_round=50, val_interval=1)
