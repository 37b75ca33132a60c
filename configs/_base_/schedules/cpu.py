"""A schedule for 35 minutes on two CPU cores at 32x32 (ResNet-56 -> ResNet-20)."""

train_cfg = dict(
    type='DistillLoop', max_rounds=200, warmup_rounds=20, steps_per_round=20, val_interval=10
)

optim_wrapper = dict(
    constructor='RoleOptimWrapperConstructor',
    student=dict(
        type='OptimWrapper',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
    ),
    generator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3, betas=(0.5, 0.999))
    ),
)

# By iteration: counts student steps; ends with the last one.
param_scheduler = dict(student=[dict(type='CosineAnnealingLR', by_epoch=False)], generator=[])
