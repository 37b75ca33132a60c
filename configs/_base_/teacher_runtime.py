"""What differs from default_runtime.py when a teacher is trained with labels."""

_base_ = ['./default_runtime.py']

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        _delete_=True,
        type='SafeCheckpointHook',
        save_best='accuracy',
        rule='greater',
    ),
)
custom_hooks = [dict(type='ExportHook', network='network', filename='teacher.pth')]
log_processor = dict(_delete_=True, type='LogProcessor')
