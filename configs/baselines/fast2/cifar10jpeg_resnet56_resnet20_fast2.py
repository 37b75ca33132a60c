"""CIFAR-10-JPEG, ResNet-56 -> ResNet-20: Fast-2, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/cifar10jpeg_resnet56_resnet20.py',
    '../../_base_/methods/fast2.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(batch_size=128, reset_round=130),
    batch_size=128,
    distillation=dict(kl=dict(temperature=4.0)),
    channels_last=True,
    autocast='auto',
)
train_cfg = dict(max_rounds=200, warmup_rounds=20, steps_per_round=20, val_interval=10)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=1e-2)))
