"""Distillation on Gaussian noise: a lower bound."""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(type='NoiseSynthesizer', image_size=32, samples=10 * 256),
    buffer=dict(capacity=10 * 256),
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=20.0)),
)
# 80,000 student steps; there is no generator to train.
train_cfg = dict(max_rounds=8_000, warmup_rounds=0, steps_per_round=10, val_interval=200)
optim_wrapper = dict(student=dict(optimizer=dict(lr=0.1)))
by_budget = {
    budget: dict(
        model=dict(
            synthesizer=dict(samples=10 * batch_size),
            buffer=dict(capacity=10 * batch_size),
            distillation=dict(kl=dict(temperature=4.0)),
        ),
        train_cfg=dict(max_rounds=rounds, val_interval=50),
    )
    for budget, batch_size, rounds in (('cpu', 128, 800), ('minutes', 64, 300))
}
