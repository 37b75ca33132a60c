"""DFAD (Fang et al. 2019, arXiv 1912.11006)."""

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
# 5 student steps per generator step, 80,000 in total.
train_cfg = dict(max_rounds=16_000, warmup_rounds=0, steps_per_round=5, val_interval=400)
optim_wrapper = dict(
    student=dict(optimizer=dict(lr=0.1, weight_decay=5e-4)),
    generator=dict(optimizer=dict(_delete_=True, type='Adam', lr=1e-3)),
)
by_budget = dict(
    cpu=dict(
        model=dict(
            synthesizer=dict(batch_size=128, samples=5 * 128), buffer=dict(capacity=5 * 128)
        ),
        train_cfg=dict(max_rounds=1500, val_interval=50),
    ),
    minutes=dict(
        model=dict(
            synthesizer=dict(
                generator=dict(width=32, latent_dim=64), batch_size=64, samples=5 * 64
            ),
            buffer=dict(capacity=5 * 64),
        ),
        train_cfg=dict(max_rounds=600, val_interval=50),
    ),
)
