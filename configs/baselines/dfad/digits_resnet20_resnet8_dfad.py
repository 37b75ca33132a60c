"""Digits, ResNet-20 -> ResNet-8: DFAD, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/digits_resnet20_resnet8.py',
    '../../_base_/methods/dfad.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(generator=dict(width=32, latent_dim=64), batch_size=64, samples=5 * 64),
    buffer=dict(capacity=5 * 64),
    batch_size=64,
    channels_last=True,
)
train_cfg = dict(max_rounds=600, warmup_rounds=0, steps_per_round=5, val_interval=50)
optim_wrapper = dict(
    student=dict(optimizer=dict(weight_decay=5e-4)),
    generator=dict(optimizer=dict(_delete_=True, type='Adam', lr=1e-3)),
)
