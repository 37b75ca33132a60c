"""Fast-10 (Fang et al. 2022, arXiv 2112.12568); configs/baselines/fast10."""

_base_ = ['./fast2.py']

model = dict(synthesizer=dict(steps=10, generator_lr=2e-3, latent_lr=1e-2))
