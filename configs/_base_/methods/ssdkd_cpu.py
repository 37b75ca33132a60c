"""Our settings of SSD-KD for 32x32 images within a CPU's budget of a few thousand steps.

They differ from the paper's (ssdkd_paper.py) in what a student learns from so few steps:
- the generator starts from shapes, so that layouts differ from the first sample on;
- each round stores 640 new samples of the generator, which cost a forward pass, instead of the
  128 that were optimised;
- the student also learns the teacher's features, in stages whose shapes are equal;
- the buffer keeps the teacher's answers, so that student steps do without its pass;
- 80 student steps per round, on batches half as large as the generator's;
- no class prior: a generator without labels cannot follow random classes, and the writer keeps
  the classes of the buffer equal; a smaller adversarial and batch-norm term.
Measured one at a time in docs/trials.md.
"""

_base_ = ['./ssdkd.py']

model = dict(
    synthesizer=dict(
        generator=dict(type='ShapesGenerator'),
        losses=dict(
            # The batch's own statistics: an average over rounds adapts too slowly.
            bn=dict(weight=2.0, momentum=0.0),
            class_prior=None,
            adversarial=dict(weight=0.1, temperature=4.0, decision=False),
        ),
        batch_size=128,
        steps=3,
        latent_lr=0.0,  # the samples are new ones, whose latents are as drawn
        samples=640,
    ),
    batch_size=64,
    keep_answers=True,
    # The teacher's confidence at temperature 1 is near 1 for most samples.
    modulation=dict(temperature=4.0),
    normalize=True,  # weights with mean 1 do not make the student's steps smaller
    distillation=dict(
        kl=dict(temperature=4.0),
        features=dict(type='FeatureMatchingLoss', weight=3.0, skip_misfits=True),
    ),
    channels_last=True,
)
by_budget = dict(cpu=dict(train_cfg=dict(max_rounds=110, steps_per_round=80)))
