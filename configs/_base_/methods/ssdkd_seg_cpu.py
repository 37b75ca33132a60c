"""SSD-KD for semantic segmentation within an hour on one CPU core at 96x128."""

_base_ = ['./ssdkd_seg.py']

model = dict(
    synthesizer=dict(generator=dict(width=32), steps=4),
    buffer=dict(capacity=1000),
    autocast=None,
)
train_cfg = dict(max_rounds=140, warmup_rounds=25, steps_per_round=20, val_interval=23)
optim_wrapper = dict(student=dict(optimizer=dict(lr=2e-3)))
