"""A teacher for CIFAR-100: wrn40-2, trained with labels for 200 epochs."""

_base_ = [
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/teacher_cifar.py',
    '../_base_/teacher_runtime.py',
]

model = dict(
    type='Classifier',
    network=dict(
        type='Network',
        model=dict(type='WideResNet', depth=40, widen_factor=2, num_classes=100),
        mean=[0.5071, 0.4867, 0.4408],
        std=[0.2675, 0.2565, 0.2761],
    ),
    crop_padding=_base_.crop_padding,
    flip=_base_.flip,
)
train_dataloader = dict(
    dataset=_base_.train_set,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    batch_size=128,
    num_workers=2,
)
