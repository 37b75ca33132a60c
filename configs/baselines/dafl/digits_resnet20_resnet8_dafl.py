"""Digits, ResNet-20 -> ResNet-8: DAFL, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/digits_resnet20_resnet8.py',
    '../../_base_/methods/dafl.py',
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
    distillation=dict(kl=dict(temperature=4.0)),
    channels_last=True,
)
train_cfg = dict(max_rounds=600, warmup_rounds=0, steps_per_round=5, val_interval=50)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=1e-3)))
