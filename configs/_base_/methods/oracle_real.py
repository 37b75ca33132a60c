"""Distillation on real images: NOT DATA-FREE, an upper bound.

The images are the pair's ``train_set``.
"""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(type='RealImageSynthesizer', samples=10 * 256),
    buffer=dict(capacity=10 * 256),
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=20.0)),
    augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
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
from_pair = {'model.synthesizer.dataset': 'train_set'}
