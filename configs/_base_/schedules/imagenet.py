"""Fast's ImageNet schedule (Fang et al. 2022, arXiv 2112.12568): 200 rounds after 20."""

train_cfg = dict(
    type='DistillLoop', max_rounds=220, warmup_rounds=20, steps_per_round=1000, val_interval=10
)

optim_wrapper = dict(
    constructor='RoleOptimWrapperConstructor',
    student=dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
    ),
    generator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=3e-3, betas=(0.5, 0.999))
    ),
)

# By iteration: counts student steps; ends with the last one.
param_scheduler = dict(student=[dict(type='CosineAnnealingLR', by_epoch=False)], generator=[])
