"""SSD-KD for 224x224 images, over the 32x32 setting: a deep generator, a larger buffer.

The paper of SSD-KD has no ImageNet table. The number of generator steps is that of Fast-50
(Fang et al. 2022, arXiv 2112.12568), the buffer 1 % of the original data scale; the other
numbers are a starting point, not a tuned setting.
"""

_base_ = ['./ssdkd.py']

model = dict(
    task=dict(num_classes=1000),
    synthesizer=dict(
        generator=dict(
            _delete_=True, type='DeepGenerator', latent_dim=256, image_size=224, width=64
        ),
        losses=dict(
            adversarial=dict(weight=0.1), class_prior=dict(weight=0.1), bn=dict(weight=0.1)
        ),
        batch_size=50,
        steps=50,
    ),  # Fast-50
    # 1.9 GB on the CPU, so that the accelerator has room for the networks
    buffer=dict(capacity=12_800, device='cpu'),
    batch_size=128,
    augment=[dict(type='RandomCropFlip', padding=28, flip=True)],
    autocast='bfloat16',
    channels_last=True,
)

# Fast's ImageNet schedule: 20 warm-up rounds, then 200 rounds.
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
