"""A schedule for an hour on one CPU core at 96x128 (DeepLabV3+ on MobileNetV2)."""

train_cfg = dict(
    type='DistillLoop', max_rounds=140, warmup_rounds=25, steps_per_round=20, val_interval=23
)

optim_wrapper = dict(
    constructor='RoleOptimWrapperConstructor',
    student=dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-2)),
    generator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3, betas=(0.5, 0.999))
    ),
)

# By iteration: counts student steps; ends with the last one.
param_scheduler = dict(student=[dict(type='CosineAnnealingLR', by_epoch=False)], generator=[])
