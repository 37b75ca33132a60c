"""Adaptive DeepInversion (Yin et al. 2020, arXiv 1912.08795); baselines/deepinversion."""

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
        flip=True,
        modulate=False,
    ),
)
