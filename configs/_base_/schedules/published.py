"""The published schedule at 32x32: 80,000 student steps, for a GPU.

Fast (Fang et al. 2022, arXiv 2112.12568): 20 warm-up rounds, then 200 rounds, cosine.
"""

train_cfg = dict(
    type='DistillLoop', max_rounds=220, warmup_rounds=20, steps_per_round=400, val_interval=1
)

optim_wrapper = dict(
    constructor='RoleOptimWrapperConstructor',
    student=dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=1e-4)
    ),
    generator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3, betas=(0.5, 0.999))
    ),
)

# By iteration: counts student steps; ends with the last one.
param_scheduler = dict(student=[dict(type='CosineAnnealingLR', by_epoch=False)], generator=[])
