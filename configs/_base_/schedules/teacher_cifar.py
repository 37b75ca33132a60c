"""Supervised training at 32x32: 200 epochs of SGD, cosine."""

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=200, val_interval=1)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False)
