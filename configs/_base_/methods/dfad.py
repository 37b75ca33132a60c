"""DFAD (Fang et al. 2019, arXiv 1912.11006); configs/baselines/dfad."""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(
        type='GeneratorSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=256, image_size=32, width=64),
        losses=dict(adversarial=dict(type='AdversarialL1Loss', weight=1.0)),
        batch_size=256,
        steps=1,
        samples=5 * 256,
        latent_lr=0,
        modulate=False,
    ),
    distillation=dict(l1=dict(type='L1LogitLoss', weight=1.0)),
)
