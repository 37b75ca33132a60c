"""What differs from default_runtime.py when a teacher is trained with labels."""

_base_ = ['./default_runtime.py']

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        _delete_=True,
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='accuracy',
        rule='greater',
        backend_args=dict(backend='atomic'),
    ),
)
custom_hooks = [dict(type='ExportHook', network='network', filename='teacher.pth')]
log_processor = dict(_delete_=True, type='LogProcessor')
