"""CMI-500 (Fang et al. 2021, arXiv 2105.08584) for 32x32 images; configs/baselines/cmi."""

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
        modulate=False,
    ),
    batch_size=128,
)
