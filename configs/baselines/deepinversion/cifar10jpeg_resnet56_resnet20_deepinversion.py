"""CIFAR-10-JPEG, ResNet-56 -> ResNet-20: Adaptive DeepInversion, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/cifar10jpeg_resnet56_resnet20.py',
    '../../_base_/methods/deepinversion.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(batch_size=128, steps=200),
    batch_size=128,
    distillation=dict(kl=dict(temperature=4.0)),
    channels_last=True,
    autocast='auto',
)
train_cfg = dict(max_rounds=15, warmup_rounds=0, steps_per_round=200, val_interval=1)
