"""SSD-KD for small, simple images within minutes on a CPU: small batches, generator and buffer.

The paper's parts alone, as in ssdkd_paper.py: on handwritten digits, the additions of
ssdkd_cpu.py cost a point of accuracy.
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
    ),
    buffer=dict(capacity=1000),
    batch_size=64,
    modulation=dict(temperature=4.0),
    normalize=True,
    distillation=dict(kl=dict(temperature=4.0)),
    channels_last=True,
)
