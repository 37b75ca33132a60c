"""Supervised training of a segmentor by mmseg's schedule_20k, with hooks by iterations."""

_base_ = ['../teacher_runtime.py']

train_cfg = dict(type='IterBasedTrainLoop', max_iters=20_000, val_interval=2000)  # mmseg
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),  # mmseg
)
param_scheduler = dict(type='PolyLR', power=0.9, eta_min=1e-4, by_epoch=False)  # mmseg

default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=2000, save_best='mIoU'),
)
custom_hooks = [dict(type='ExportHook', network=None, filename='teacher.pth')]
log_processor = dict(by_epoch=False)
