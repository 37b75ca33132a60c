"""A teacher for CIFAR-10: vgg11, trained with labels for 200 epochs."""

_base_ = [
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/teacher_cifar.py',
    '../_base_/teacher_runtime.py',
]

model = dict(
    type='Classifier',
    network=dict(
        type='Network',
        model=dict(type='VGG', depth=11, num_classes=10),
        mean=[0.4914, 0.4822, 0.4465],
        std=[0.2023, 0.1994, 0.2010],
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
