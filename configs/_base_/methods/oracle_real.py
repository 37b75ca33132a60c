"""Distillation on real images: NOT DATA-FREE, an upper bound; configs/baselines/oracle_real.

The pair's own training images are given by the config that uses this one.
"""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(type='RealImageSynthesizer', batch_size=10 * 256),
    buffer=dict(capacity=10 * 256),
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=20.0)),
    crop_padding=4,
    flip=True,
)
