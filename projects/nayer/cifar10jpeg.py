"""CIFAR-10-JPEG, ResNet-56 -> ResNet-20: NAYER, on a CPU (README.md).

The environment variable SSDKD_SHARED is the folder with data/ and teachers/.
"""

_base_ = [
    '../../configs/_base_/pairs/cifar10jpeg_resnet56_resnet20.py',
    './base.py',
    '../../configs/_base_/schedules/cpu.py',
    '../../configs/_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        class_names=[
            'airplane',
            'automobile',
            'bird',
            'cat',
            'deer',
            'dog',
            'frog',
            'horse',
            'ship',
            'truck',
        ],
        losses=dict(bn=dict(momentum=0.0)),
        batch_size=128,
    ),
    batch_size=128,
    distillation=dict(kl=dict(temperature=4.0)),
    channels_last=True,
    autocast='auto',
)
train_cfg = dict(max_rounds=40, warmup_rounds=3, steps_per_round=50, val_interval=2)
work_dir = 'work_dirs/nayer_cifar10jpeg'
