"""Digits, ResNet-20 -> ResNet-8: Fast-10, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/digits_resnet20_resnet8.py',
    '../../_base_/methods/fast10.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        generator=dict(width=32, latent_dim=64),
        losses=dict(bn=dict(momentum=0.0)),
        batch_size=64,
        reset_round=45,
        flip=False,
        crop_padding=2,
    ),
    batch_size=64,
    distillation=dict(kl=dict(temperature=4.0)),
    crop_padding=2,
    flip=False,
    channels_last=True,
)
train_cfg = dict(max_rounds=70, warmup_rounds=3, steps_per_round=10, val_interval=10)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=2e-2)))
