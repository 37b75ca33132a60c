"""CIFAR-10-JPEG, ResNet-56 -> ResNet-20: ZSKT, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/cifar10jpeg_resnet56_resnet20.py',
    '../../_base_/methods/zskt.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(batch_size=128, samples=128),
    buffer=dict(capacity=128),
    batch_size=128,
    channels_last=True,
    autocast='auto',
)
train_cfg = dict(max_rounds=800, warmup_rounds=0, steps_per_round=10, val_interval=50)
optim_wrapper = dict(
    student=dict(
        optimizer=dict(_delete_=True, type='Adam', lr=2e-3), clip_grad=dict(max_norm=5)
    ),
    generator=dict(
        optimizer=dict(_delete_=True, type='Adam', lr=1e-3), clip_grad=dict(max_norm=5)
    ),
)
