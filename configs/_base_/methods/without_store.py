"""What methods share that keep no samples: fresh ones for every student step, all alike.

A method says how many steps there are to a round: ``synthesizer.samples`` and
``buffer.capacity`` are that number of batches.
"""

model = dict(
    type='ReplayDistiller',
    task=dict(type='Classification'),
    buffer=dict(type='FreshBuffer', capacity=5 * 256),
    writer=None,
    sampler=dict(type='SequentialSampler'),
    balancing=dict(type='ModulatingFunction', diversity=False, difficulty=False),
    modulate=False,
    batch_size=256,
)
