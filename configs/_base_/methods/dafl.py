"""DAFL (Chen et al. 2019, arXiv 1904.01186) for 32x32 images; configs/baselines/dafl."""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(
        type='GeneratorSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=512, image_size=32, width=64),
        losses=dict(
            pseudo_label=dict(type='PseudoLabelLoss', weight=1.0),
            activation=dict(type='ActivationLoss', weight=0.1),
            balance=dict(type='InformationEntropyLoss', weight=20.0),
        ),
        batch_size=256,
        steps=1,
        samples=5 * 256,
        latent_lr=0,
        modulate=False,
    ),
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=1.0)),
)
