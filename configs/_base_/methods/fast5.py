"""Fast-5 (Fang et al. 2022, arXiv 2112.12568); configs/baselines/fast5."""

_base_ = ['./fast2.py']

model = dict(synthesizer=dict(steps=5, generator_lr=3e-3, latent_lr=1e-2))
