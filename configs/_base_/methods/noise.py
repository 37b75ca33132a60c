"""Distillation on Gaussian noise: a lower bound; configs/baselines/noise."""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(type='NoiseSynthesizer', image_size=32, batch_size=10 * 256),
    buffer=dict(capacity=10 * 256),
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=20.0)),
)
