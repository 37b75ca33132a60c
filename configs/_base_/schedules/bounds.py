"""80,000 student steps of the lower and upper bounds, which train no generator."""

_base_ = ['./published.py']

train_cfg = dict(max_rounds=8_000, warmup_rounds=0, steps_per_round=10, val_interval=200)
optim_wrapper = dict(student=dict(optimizer=dict(lr=0.1)))
