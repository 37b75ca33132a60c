"""NAYER (Tran et al., CVPR 2024, arXiv 2310.00258) for 32x32 images, with its authors' numbers.

Weights 10, 0.5 and 1.33, and the divergence at temperature 1, are those of their scripts and
their code (github.com/tmtuan1307/NAYER).
"""

_base_ = ['../../configs/_base_/methods/with_store.py']
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
