"""Fast-10 (Fang et al. 2022, arXiv 2112.12568)."""

_base_ = ['./fast2.py']

model = dict(synthesizer=dict(steps=10, generator_lr=2e-3, latent_lr=1e-2))
train_cfg = dict(warmup_share=0.06)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=2e-2)))  # outer step: 10 x inner
by_budget = dict(cpu=dict(model=dict(synthesizer=dict(losses=dict(bn=dict(momentum=0.0))))))
