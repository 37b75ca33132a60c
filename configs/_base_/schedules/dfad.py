"""DFAD (Fang et al. 2019): 5 student steps to one of the generator, 80,000 in all."""

_base_ = ['./published.py']

train_cfg = dict(max_rounds=16_000, warmup_rounds=0, steps_per_round=5, val_interval=400)
optim_wrapper = dict(
    student=dict(optimizer=dict(lr=0.1, weight_decay=5e-4)),
    generator=dict(optimizer=dict(_delete_=True, type='Adam', lr=1e-3)),
)
