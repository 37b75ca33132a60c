"""scikit-learn's digits, ResNet-20 -> ResNet-8, 1,000 samples: minutes on a CPU.

The teacher comes from configs/teachers/digits_resnet20.py.
"""

_base_ = [
    '../_base_/methods/ssdkd_cpu.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/cpu.py',
    '../_base_/default_runtime.py',
]

num_classes = 10
model = dict(
    teacher=dict(
        model=dict(type='CifarResNet', depth=20, num_classes=num_classes),
        checkpoint='work_dirs/digits_resnet20/teacher.pth',
        mean=[0.5, 0.5, 0.5],
        std=[0.5, 0.5, 0.5],
    ),
    student=dict(model=dict(type='CifarResNet', depth=8, num_classes=num_classes)),
    task=dict(num_classes=num_classes),
    synthesizer=dict(
        generator=dict(width=32, latent_dim=64), batch_size=64, crop_padding=2, flip=False
    ),
    buffer=dict(capacity=1000),
    batch_size=64,
    crop_padding=2,
    flip=False,
)
train_cfg = dict(max_rounds=70, warmup_rounds=10, steps_per_round=10, val_interval=10)
