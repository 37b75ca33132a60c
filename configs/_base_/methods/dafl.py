"""DAFL (Chen et al. 2019, arXiv 1904.01186) for 32x32 images."""

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
# As Fast-Datafree runs it: 5 student steps per generator step, 80,000 in total.
train_cfg = dict(max_rounds=16_000, warmup_rounds=0, steps_per_round=5, val_interval=400)
optim_wrapper = dict(
    student=dict(optimizer=dict(lr=0.1)), generator=dict(optimizer=dict(lr=1e-3))
)
by_budget = dict(
    cpu=dict(
        model=dict(
            synthesizer=dict(batch_size=128, samples=5 * 128),
            buffer=dict(capacity=5 * 128),
            distillation=dict(kl=dict(temperature=4.0)),
        ),
        train_cfg=dict(max_rounds=1500, val_interval=50),
    ),
    minutes=dict(
        model=dict(
            synthesizer=dict(
                generator=dict(width=32, latent_dim=64), batch_size=64, samples=5 * 64
            ),
            buffer=dict(capacity=5 * 64),
            distillation=dict(kl=dict(temperature=4.0)),
        ),
        train_cfg=dict(max_rounds=600, val_interval=50),
    ),
)
