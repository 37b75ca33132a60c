"""A schedule for a few minutes on two CPU cores at 32x32 (ResNet-20 -> ResNet-8)."""

_base_ = ['./cpu.py']

train_cfg = dict(
    max_rounds=70, warmup_rounds=3, warmup_share=0.03, steps_per_round=10, val_interval=10
)
