"""SSD-KD for 224x224 images within a CPU's budget: a starting point.

The divergences are those of ssdkd_cpu.py, the number of steps that of ssdkd_seg_cpu.py.
"""

_base_ = ['./ssdkd_imagenet.py']

model = dict(
    synthesizer=dict(
        generator=dict(width=32),
        losses=dict(
            bn=dict(momentum=0.0, relative=True),
            adversarial=dict(temperature=4.0, decision=False),
        ),
        batch_size=32,
        steps=4,
    ),
    batch_size=32,
    modulation=dict(temperature=4.0),
    normalize=True,
    distillation=dict(kl=dict(temperature=4.0)),
    autocast=None,
)
train_cfg = dict(max_rounds=140, warmup_rounds=25, steps_per_round=20)
optim_wrapper = dict(
    student=dict(optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=1e-2)),
    generator=dict(optimizer=dict(lr=2e-3)),
)
