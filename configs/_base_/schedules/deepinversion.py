"""DeepInversion as Fast-Datafree runs it: 200 batches, 400 student steps after each."""

_base_ = ['./published.py']

train_cfg = dict(max_rounds=200, warmup_rounds=0)
optim_wrapper = dict(student=dict(optimizer=dict(lr=0.1)))
