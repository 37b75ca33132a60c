"""ZSKT (Micaelli and Storkey 2019): 10 student steps to one of the generator, 80,000 in all."""

_base_ = ['./published.py']

train_cfg = dict(max_rounds=8_000, warmup_rounds=0, steps_per_round=10, val_interval=200)
optim_wrapper = dict(
    student=dict(
        optimizer=dict(_delete_=True, type='Adam', lr=2e-3), clip_grad=dict(max_norm=5)
    ),
    generator=dict(
        optimizer=dict(_delete_=True, type='Adam', lr=1e-3), clip_grad=dict(max_norm=5)
    ),
)
