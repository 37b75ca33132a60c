"""A teacher for CIFAR-10-JPEG without batch norm: ResNet-20 with group norm, 9 epochs.

74.7 % on the val images after 22 minutes of CPU time of one core with bfloat16 (AMX). The
environment variable SSDKD_SHARED is the folder with data/.
"""

_base_ = ['ssdkd::_base_/teacher_runtime.py']

shared = '{{$SSDKD_SHARED:../shared}}'
model = dict(
    type='Classifier',
    network=dict(
        type='Network',
        model=dict(type='CifarResNet', depth=20, groups=8, num_classes=10),
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
    ),
    augment=[dict(type='RandomCropFlip', padding=4)],
    autocast='auto',
)
train_dataloader = dict(
    dataset=dict(type='ImageFolder', root=f'{shared}/data/cifar10_jpeg/train', image_size=32),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    batch_size=128,
    num_workers=0,
)
val_dataloader = dict(
    dataset=dict(type='ImageFolder', root=f'{shared}/data/cifar10_jpeg/val', image_size=32),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    batch_size=500,
    num_workers=0,
)
val_evaluator = dict(type='Accuracy')
val_cfg = dict(type='ValLoop')
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=9, val_interval=3)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=400),  # warm-up
    dict(type='CosineAnnealingLR', by_epoch=False),
]
