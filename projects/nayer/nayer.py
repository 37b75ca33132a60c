"""NAYER (Tran et al., CVPR 2024, arXiv 2310.00258) for 32x32 images, with its authors' numbers.

A method for pairs that have ``class_names``: ssdkd train PAIR --method projects/nayer/nayer.py.

Weights 10, 0.5 and 1.33, and the divergence at temperature 1, are those of their scripts and
their code (github.com/tmtuan1307/NAYER).
"""

_base_ = ['ssdkd::_base_/methods/with_store.py']
custom_imports = dict(imports='projects.nayer.synthesizer')

model = dict(
    synthesizer=dict(
        type='NAYERSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=1000, image_size=32, width=64),
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=10.0, momentum=0.9),
            class_prior=dict(type='ClassPriorLoss', weight=0.5),
            adversarial=dict(
                type='AdversarialLoss', weight=1.33, temperature=1.0, decision=True
            ),
        ),
        batch_size=400,
        steps=30,
        generator_lr=4e-3,
        life=20,
        augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
        modulate=False,
    ),
    batch_size=512,
)
from_pair = {'model.synthesizer.class_names': 'class_names'}
by_budget = dict(
    cpu=dict(
        model=dict(synthesizer=dict(losses=dict(bn=dict(momentum=0.0)))),
        train_cfg=dict(max_rounds=40, warmup_rounds=3, steps_per_round=50, val_interval=2),
    ),
    minutes=dict(
        model=dict(
            synthesizer=dict(
                generator=dict(width=32, latent_dim=256), losses=dict(bn=dict(momentum=0.0))
            )
        ),
        train_cfg=dict(max_rounds=22, warmup_rounds=2, steps_per_round=30, val_interval=2),
    ),
)
