"""SSD-KD for small, simple images within minutes on a CPU: small batches, generator and buffer.

They differ from the paper's (ssdkd_paper.py) in what a student learns from so few minutes:
- each round stores 640 new samples of the generator, which cost a forward pass, instead of the
  64 that were optimised;
- the buffer keeps the teacher's answers, so that student steps do without its pass;
- twice as many student steps, on half as large batches.
The other additions of ssdkd_cpu.py do not help on handwritten digits. Measured in
docs/trials.md.
"""

_base_ = ['./ssdkd.py']

model = dict(
    synthesizer=dict(
        generator=dict(width=32, latent_dim=64),
        losses=dict(
            bn=dict(momentum=0.0),
            class_prior=dict(weight=0.5),
            adversarial=dict(weight=1.0, temperature=4.0, decision=False),
        ),
        batch_size=64,
        steps=3,
        samples=640,
    ),
    buffer=dict(capacity=1000),
    batch_size=32,
    keep_answers=True,
    modulation=dict(temperature=4.0),
    normalize=True,
    distillation=dict(kl=dict(temperature=4.0)),
    channels_last=True,
)
by_budget = dict(
    minutes=dict(
        train_cfg=dict(max_rounds=24, warmup_rounds=1, steps_per_round=80, val_interval=3)
    )
)
