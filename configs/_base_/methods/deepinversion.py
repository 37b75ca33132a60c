"""Adaptive DeepInversion (Yin et al. 2020, arXiv 1912.08795)."""

_base_ = ['./with_store.py']

model = dict(
    synthesizer=dict(
        type='PixelSynthesizer',
        image_size=32,
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=10.0, momentum=0.0),
            class_prior=dict(type='ClassPriorLoss', weight=1.0),
            competition=dict(type='JSCompetitionLoss', weight=1.0, temperature=3.0),
            tv=dict(type='TotalVariationLoss', weight=1e-3),
        ),
        batch_size=256,
        steps=2000,
        pixel_lr=0.1,
        betas=(0.5, 0.99),
        jitter=4,
        augment=[dict(type='RandomCropFlip', flip=True)],
        modulate=False,
    ),
)
# As Fast-Datafree runs it: 200 batches, 400 student steps after each.
train_cfg = dict(max_rounds=200, warmup_rounds=0)
optim_wrapper = dict(student=dict(optimizer=dict(lr=0.1)))
by_budget = dict(
    cpu=dict(
        model=dict(synthesizer=dict(steps=200)),
        train_cfg=dict(max_rounds=15, warmup_rounds=0, steps_per_round=200, val_interval=1),
    ),
    minutes=dict(
        model=dict(synthesizer=dict(steps=100, jitter=2)),
        train_cfg=dict(max_rounds=10, warmup_rounds=0, steps_per_round=50, val_interval=1),
    ),
)
