"""A pair's teacher, trained with labels for 200 epochs at 32x32: ssdkd train-teacher PAIR."""

_base_ = ['../teacher_runtime.py']

model = dict(
    type='Classifier',
    network=dict(type='Network'),
    augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
)
train_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    batch_size=128,
    num_workers=2,
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=200, val_interval=1)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False)
from_pair = {
    'model.network.model': "teacher['model']",
    'model.network.mean': "teacher['mean']",
    'model.network.std': "teacher['std']",
    'train_dataloader.dataset': 'train_set',
}
