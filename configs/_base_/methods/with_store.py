"""Base of methods that keep all samples, 50,000 at most, and draw them uniformly."""

model = dict(
    type='ReplayDistiller',
    task=dict(type='Classification'),
    buffer=dict(type='GrowingBuffer', capacity=50_000),
    writer=dict(type='OldestWriter'),
    sampler=dict(type='UniformSampler'),
    modulation=dict(type='ModulatingFunction', diversity=False, difficulty=False),
    modulate=False,
    batch_size=256,
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=20.0)),
    augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
)
by_budget = {
    budget: dict(
        model=dict(
            synthesizer=dict(batch_size=batch_size),
            batch_size=batch_size,
            distillation=dict(kl=dict(temperature=4.0)),
            channels_last=True,
        )
    )
    for budget, batch_size in (('cpu', 128), ('minutes', 64))
}
