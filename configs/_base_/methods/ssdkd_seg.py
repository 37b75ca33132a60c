"""SSD-KD (Liu et al., CVPR 2024, arXiv 2406.07876) for semantic segmentation.

The paper gives the buffer, 16,000 samples, for NYUv2. The other numbers are a starting point.
"""

_base_ = ['./ssdkd.py', '../default_runtime.py']

model = dict(
    task=dict(type='Segmentation'),
    synthesizer=dict(
        generator=dict(
            _delete_=True, type='DeepGenerator', latent_dim=256, image_size=256, width=64
        ),
        losses=dict(
            bn=dict(weight=0.1, momentum=0.0, relative=True),
            class_prior=dict(weight=2.0),
            adversarial=dict(weight=0.3, temperature=1.0, decision=False),
        ),
        batch_size=16,
        steps=10,
        augment=[dict(type='RandomCropFlip', padding=16, flip=True)],
    ),
    buffer=dict(capacity=16_000, device='cpu', pin_memory=True),  # SSD-KD, on NYUv2
    batch_size=16,
    distillation=dict(kl=dict(temperature=1.0)),
    augment=[
        dict(type='RandomCropFlip', padding=16, flip=True),
        dict(type='RandomLight', strength=0.7),
    ],
    autocast='bfloat16',
    channels_last=True,
)
default_hooks = dict(checkpoint=dict(save_best='mIoU'))

# 30,000 student steps.
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
# An hour on one CPU core at 96x128.
by_budget = dict(
    cpu=dict(
        model=dict(
            synthesizer=dict(generator=dict(width=32), steps=4),
            buffer=dict(capacity=1000),
            autocast=None,
        ),
        train_cfg=dict(max_rounds=140, warmup_rounds=25, steps_per_round=20, val_interval=23),
        optim_wrapper=dict(student=dict(optimizer=dict(lr=2e-3))),
    )
)
# What else goes with pairs of this kind (docs/configs.md). ZSKT wants stages of equal names;
# CMI remembers all features, which takes gigabytes here. There is no set of real images.
goes_with = dict(
    budgets=['published', 'cpu'],
    methods=[
        'fast2',
        'fast5',
        'fast10',
        'deepinversion',
        'dfq',
        'dafl',
        'dfad',
        'noise',
    ],
)
