"""DFQ (Choi et al. 2020, arXiv 2005.04136); configs/baselines/dfq."""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(
        type='GeneratorSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=256, image_size=32, width=64),
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=1.0, momentum=0.0),
            class_prior=dict(type='ClassPriorLoss', weight=1.0),
            adversarial=dict(type='AdversarialLoss', weight=1.0, temperature=1.0),
            balance=dict(type='InformationEntropyLoss', weight=20.0),
        ),
        batch_size=256,
        steps=1,
        samples=10 * 256,
        latent_lr=0,
        modulate=False,
    ),
    buffer=dict(capacity=10 * 256),
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=1.0)),
)
