"""Fast-2 (Fang et al. 2022, arXiv 2112.12568) for 32x32 images; configs/baselines/fast2."""

_base_ = ['./with_store.py']

model = dict(
    synthesizer=dict(
        type='MetaSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=256, image_size=32, width=64),
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=10.0, momentum=0.9),
            class_prior=dict(type='ClassPriorLoss', weight=0.4),
            adversarial=dict(
                type='AdversarialLoss', weight=1.1, temperature=1.0, decision=True
            ),
        ),
        batch_size=256,
        steps=2,
        generator_lr=5e-3,
        latent_lr=1.5e-2,
        outer='fomaml',
        reset_round=140,
        crop_padding=4,
        flip=True,
        modulate=False,
    ),
)
