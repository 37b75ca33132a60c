"""DAFL as Fast-Datafree runs it: 5 student steps to one of the generator, 80,000 in all."""

_base_ = ['./published.py']

train_cfg = dict(max_rounds=16_000, warmup_rounds=0, steps_per_round=5, val_interval=400)
optim_wrapper = dict(
    student=dict(optimizer=dict(lr=0.1)), generator=dict(optimizer=dict(lr=1e-3))
)
