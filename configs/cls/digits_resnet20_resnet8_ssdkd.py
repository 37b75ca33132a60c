"""scikit-learn's digits, ResNet-20 -> ResNet-8, 1,000 samples: minutes on a CPU.

The teacher comes from configs/teachers/digits_resnet20.py.
"""

_base_ = [
    '../_base_/pairs/digits_resnet20_resnet8.py',
    '../_base_/methods/ssdkd_minutes.py',
    '../_base_/schedules/minutes.py',
    '../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        augment=[dict(type='RandomCropFlip', padding=_base_.crop_padding, flip=_base_.flip)]
    ),
    augment=[dict(type='RandomCropFlip', padding=_base_.crop_padding, flip=_base_.flip)],
    cuda_graphs=_base_.cuda_graphs,
)
train_cfg = dict(max_rounds=24, warmup_rounds=1, steps_per_round=80, val_interval=3)
