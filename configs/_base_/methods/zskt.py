"""ZSKT (Micaelli and Storkey 2019, arXiv 1905.09768); configs/baselines/zskt.

Ten student steps on one batch, as in the authors' code, so that the buffer holds just that.
"""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(
        type='GeneratorSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=100, image_size=32, width=64),
        losses=dict(adversarial=dict(type='AdversarialLoss', weight=1.0, temperature=1.0)),
        batch_size=128,
        steps=1,
        samples=128,
        latent_lr=0,
        modulate=False,
    ),
    buffer=dict(capacity=128),
    batch_size=128,
    distillation=dict(
        # The authors' KL is a mean over the classes, so that 250 is relative to KL / classes.
        kl=dict(type='KLDivergenceLoss', weight=0.1, temperature=1.0),
        attention=dict(type='AttentionTransferLoss', weight=250.0),
    ),
)
