"""SSD-KD for 32x32 images within a CPU's budget: thousands of steps, not tens of thousands.

Differences to ssdkd.py, for fewer and smaller steps:
- temperature 4 instead of 20 in the divergence, which makes the targets sharper;
- batch-norm statistics of the batch alone: an average over rounds reduces the gradient to a
  tenth and adapts too slowly;
- weights of the student's loss with mean 1, so that they do not make its step smaller;
- phi with the teacher's confidence at temperature 4: at 1 it is near 1 for most samples, and
  only a few samples would have a weight.
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
