"""CPNet (Chen et al., ICCV 2025) for 32x32 images, with its authors' numbers.

A method for pairs with a linear classifier: ssdkd train PAIR --method projects/cpnet/cpnet.py.

The numbers are those of the authors' scripts and code (github.com/LannCX/CPNet).
"""

_base_ = ['ssdkd::_base_/methods/with_store.py']
custom_imports = dict(imports='projects.cpnet.synthesizer')

model = dict(
    synthesizer=dict(
        type='CPNetSynthesizer',
        losses=dict(
            bn=dict(type='BNStatisticsLoss', weight=10.0, momentum=0.9),
            adversarial=dict(
                type='AdversarialLoss', weight=1.33, temperature=1.0, decision=True
            ),
        ),
        image_size=32,
        batch_size=400,
        steps=30,
        latent_dim=1000,
        generator_lr=4e-3,
        life=20,
        coupling_weight=1.0,
        class_weight=0.5,
        alignment_weight=1.33,
        mix=0.5,
        augment=[
            dict(type='RandomCropFlip', padding=4, flip=True),
            dict(type='RandomLight', strength=0.1),
        ],
    ),
    batch_size=512,
)
by_budget = dict(
    cpu=dict(
        model=dict(synthesizer=dict(losses=dict(bn=dict(momentum=0.0)))),
        train_cfg=dict(max_rounds=40, warmup_rounds=3, steps_per_round=50, val_interval=2),
    ),
    minutes=dict(
        model=dict(synthesizer=dict(latent_dim=256, losses=dict(bn=dict(momentum=0.0)))),
        train_cfg=dict(max_rounds=22, warmup_rounds=2, steps_per_round=30, val_interval=2),
    ),
)
