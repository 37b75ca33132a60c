"""SSD-KD (Liu et al., CVPR 2024, arXiv 2406.07876) for 32x32 images.

The paper does not print every number. What it leaves open follows Fast (Fang et al. 2022,
arXiv 2112.12568), on whose protocol it builds.
"""

model = dict(
    type='ReplayDistiller',
    task=dict(type='Classification'),
    synthesizer=dict(
        type='GeneratorSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=256, image_size=32, width=64),
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=10.0, momentum=0.9),  # Fast
            class_prior=dict(type='ClassPriorLoss', weight=0.4),  # Fast
            # Fast, except for the temperature: 1 there, that of the student's divergence here.
            adversarial=dict(
                type='AdversarialLoss', weight=1.1, temperature=20.0, decision=True
            ),
        ),
        batch_size=256,
        steps=5,
        latent_lr=1e-2,  # Fast
        augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
    ),
    buffer=dict(type='ReplayBuffer', capacity=5000),  # SSD-KD: 10 % of CIFAR's 50,000
    writer=dict(type='CrowdedWriter'),
    sampler=dict(type='PrioritySampler', alpha=0.6, beta=0.4),  # Schaul et al. 2016
    modulation=dict(type='ModulatingFunction', gamma=1.0),
    batch_size=256,
    distillation=dict(kl=dict(type='KLDivergenceLoss', temperature=20.0)),  # Fast
    augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
)
