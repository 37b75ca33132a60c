"""A teacher for scikit-learn's digits: ResNet-20, trained with labels for 15 epochs."""

_base_ = [
    '../_base_/datasets/digits.py',
    '../_base_/teacher_runtime.py',
]

model = dict(
    type='Classifier',
    network=dict(
        type='Network',
        model=dict(type='CifarResNet', depth=20, num_classes=10),
        mean=[0.5, 0.5, 0.5],
        std=[0.5, 0.5, 0.5],
    ),
    augment=[dict(type='RandomCropFlip', padding=_base_.crop_padding)],
)
train_dataloader = dict(
    dataset=_base_.train_set,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    batch_size=64,
    num_workers=0,
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=15, val_interval=5)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False)
