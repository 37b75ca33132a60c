"""scikit-learn's digits, ResNet-20 -> ResNet-8, 1,000 samples: minutes on a CPU.

The teacher comes from configs/teachers/digits_resnet20.py.
"""

_base_ = [
    '../_base_/pairs/digits_resnet20_resnet8.py',
    '../_base_/methods/ssdkd_cpu.py',
    '../_base_/schedules/cpu.py',
    '../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        generator=dict(width=32, latent_dim=64), batch_size=64, crop_padding=2, flip=False
    ),
    buffer=dict(capacity=1000),
    batch_size=64,
    crop_padding=2,
    flip=False,
)
train_cfg = dict(max_rounds=70, warmup_rounds=3, steps_per_round=10, val_interval=10)
