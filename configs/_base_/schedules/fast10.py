"""Fast-10 (Fang et al. 2022): 200 rounds after 20 that only synthesise, 400 steps each."""

_base_ = ['./published.py']

optim_wrapper = dict(generator=dict(optimizer=dict(lr=2e-2)))  # the outer step: 10 x inner
