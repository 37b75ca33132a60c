"""CMI (Fang et al. 2021): 200 batches of samples, 400 student steps after each."""

_base_ = ['./published.py']

train_cfg = dict(max_rounds=200, warmup_rounds=0)
optim_wrapper = dict(
    student=dict(optimizer=dict(lr=0.1)),
    generator=dict(optimizer=dict(_delete_=True, type='Adam', lr=1e-3)),  # of the head
)
