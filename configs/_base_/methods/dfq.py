"""DFQ (Choi et al. 2020, arXiv 2005.04136)."""

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
# As Fast-Datafree runs it: 10 student steps per generator step, 80,000 in total.
train_cfg = dict(max_rounds=8_000, warmup_rounds=0, steps_per_round=10, val_interval=200)
optim_wrapper = dict(
    student=dict(optimizer=dict(lr=0.1)), generator=dict(optimizer=dict(lr=1e-3))
)
by_budget = dict(
    cpu=dict(
        model=dict(
            synthesizer=dict(batch_size=128, samples=10 * 128),
            buffer=dict(capacity=10 * 128),
            distillation=dict(kl=dict(temperature=4.0)),
        ),
        train_cfg=dict(max_rounds=800, val_interval=50),
    ),
    minutes=dict(
        model=dict(
            synthesizer=dict(
                generator=dict(width=32, latent_dim=64), batch_size=64, samples=10 * 64
            ),
            buffer=dict(capacity=10 * 64),
            distillation=dict(kl=dict(temperature=4.0)),
        ),
        train_cfg=dict(max_rounds=300, val_interval=50),
    ),
)
