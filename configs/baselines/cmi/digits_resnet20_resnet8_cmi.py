"""Digits, ResNet-20 -> ResNet-8: CMI-500, on a CPU (README.md)."""

_base_ = [
    '../../_base_/pairs/digits_resnet20_resnet8.py',
    '../../_base_/methods/cmi.py',
    '../../_base_/schedules/cpu.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        generator=dict(width=32, latent_dim=64),
        batch_size=64,
        steps=50,
        flip=False,
        crop_padding=2,
    ),
    batch_size=64,
    distillation=dict(kl=dict(temperature=4.0)),
    crop_padding=2,
    flip=False,
    channels_last=True,
)
train_cfg = dict(max_rounds=12, warmup_rounds=0, steps_per_round=50, val_interval=1)
optim_wrapper = dict(
    generator=dict(optimizer=dict(_delete_=True, type='Adam', lr=1e-3)),  # of the head
)
