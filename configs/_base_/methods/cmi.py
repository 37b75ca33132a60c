"""CMI-500 (Fang et al. 2021, arXiv 2105.08584) for 32x32 images."""

_base_ = ['./with_store.py']

model = dict(
    synthesizer=dict(
        type='ContrastiveSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=256, image_size=32, width=64),
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=1.0, momentum=0.0),
            class_prior=dict(type='ClassPriorLoss', weight=1.0),
            adversarial=dict(
                type='AdversarialLoss', weight=0.5, temperature=1.0, decision=True
            ),
        ),
        batch_size=256,
        steps=500,
        generator_lr=1e-3,
        latent_lr=1e-3,
        contrast_weight=0.8,
        temperature=0.1,
        augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
        modulate=False,
    ),
    batch_size=128,
)
# 200 batches of samples, 400 student steps after each.
train_cfg = dict(max_rounds=200, warmup_rounds=0)
optim_wrapper = dict(
    student=dict(optimizer=dict(lr=0.1)),
    generator=dict(optimizer=dict(_delete_=True, type='Adam', lr=1e-3)),  # of the head
)
by_teacher = dict(
    ResNet=dict(
        model=dict(synthesizer=dict(feature_layers=['layer1', 'layer2', 'layer3', 'layer4']))
    )
)
by_budget = dict(
    cpu=dict(
        model=dict(synthesizer=dict(steps=100)),
        train_cfg=dict(max_rounds=15, warmup_rounds=0, steps_per_round=100, val_interval=1),
    ),
    minutes=dict(
        model=dict(synthesizer=dict(generator=dict(width=32, latent_dim=64), steps=50)),
        train_cfg=dict(max_rounds=12, warmup_rounds=0, steps_per_round=50, val_interval=1),
    ),
)
