"""SSD-KD for 32x32 images within a CPU's budget: thousands of steps, not tens of thousands.

Fewer and smaller steps want a sharper divergence (T 4) and the batch's own statistics: an
average over rounds lets a tenth of the gradient through and follows too slowly. And the weights
of the student's loss must not shrink its step, which few steps cannot make up for, nor leave it
to the few samples on which the teacher is unsure: its confidence is that at the divergence's T.
"""

_base_ = ['./ssdkd.py']

model = dict(
    synthesizer=dict(
        losses=dict(
            bn=dict(momentum=0.0),
            class_prior=dict(weight=0.5),
            adversarial=dict(weight=1.0, temperature=4.0, decision=False),
        ),
        batch_size=128,
        steps=3,
    ),
    batch_size=128,
    modulation=dict(temperature=4.0),
    normalize=True,
    distillation=dict(kl=dict(temperature=4.0)),
    channels_last=True,
)
