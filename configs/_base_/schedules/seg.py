"""A schedule for segmentation on a GPU: 30,000 student steps, a starting point.

SSD-KD (Liu et al., CVPR 2024, arXiv 2406.07876) does not give one.
"""

train_cfg = dict(
    type='DistillLoop', max_rounds=320, warmup_rounds=20, steps_per_round=100, val_interval=20
)

optim_wrapper = dict(
    constructor='RoleOptimWrapperConstructor',
    student=dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-2)),
    generator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3, betas=(0.5, 0.999))
    ),
)

# By iteration: counts student steps; ends with the last one.
param_scheduler = dict(student=[dict(type='CosineAnnealingLR', by_epoch=False)], generator=[])
