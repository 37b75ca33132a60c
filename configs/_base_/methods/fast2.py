"""Fast-2 (Fang et al. 2022, arXiv 2112.12568) for 32x32 images."""

_base_ = ['./with_store.py']

model = dict(
    synthesizer=dict(
        type='MetaSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=256, image_size=32, width=64),
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=10.0, momentum=0.9),
            class_prior=dict(type='ClassPriorLoss', weight=0.4),
            adversarial=dict(
                type='AdversarialLoss', weight=1.1, temperature=1.0, decision=True
            ),
        ),
        batch_size=256,
        steps=2,
        generator_lr=5e-3,
        latent_lr=1.5e-2,
        outer='fomaml',
        reset_share=0.6,  # before round 120 of the student's 200
        augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
        modulate=False,
    ),
)
# 20 warm-up rounds, then 200 rounds with 400 student steps each; warmup_share is the former's
# part of the time on a CPU.
train_cfg = dict(warmup_share=0.03)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=1e-2)))  # outer step: 2 x inner
by_teacher = dict(
    ResNet=dict(
        model=dict(
            synthesizer=dict(
                losses=dict(class_prior=dict(weight=0.5), adversarial=dict(weight=1.33))
            )
        )
    ),
    VGG=dict(
        model=dict(
            synthesizer=dict(
                losses=dict(class_prior=dict(weight=0.5), adversarial=dict(weight=1.0))
            )
        )
    ),
)
by_budget = dict(
    minutes=dict(
        model=dict(
            synthesizer=dict(
                generator=dict(width=32, latent_dim=64),
                losses=dict(bn=dict(momentum=0.0)),
            )
        )
    ),
)
