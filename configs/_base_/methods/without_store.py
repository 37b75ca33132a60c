"""Base of methods without a store: new samples for every student step.

A method sets the number of steps per round: ``synthesizer.samples`` and ``buffer.capacity`` are
that number of batches. Rounds are short, so files are written less often.
"""

model = dict(
    type='ReplayDistiller',
    task=dict(type='Classification'),
    buffer=dict(type='FreshBuffer', capacity=5 * 256),
    writer=None,
    sampler=dict(type='SequentialSampler'),
    modulation=dict(type='ModulatingFunction', diversity=False, difficulty=False),
    modulate=False,
    batch_size=256,
)
default_hooks = dict(checkpoint=dict(interval=400))
custom_hooks = [
    dict(type='BufferStatisticsHook', interval=400),
    dict(type='SampleGridHook', interval=400),
    dict(type='ExportHook'),
    dict(type='SummaryHook'),
    dict(type='EstimateHook'),
    dict(type='QualityHook', interval=400),
]
by_budget = {
    budget: dict(model=dict(batch_size=batch_size, channels_last=True))
    for budget, batch_size in (('cpu', 128), ('minutes', 64))
}
