"""ZSKT (Micaelli and Storkey 2019, arXiv 1905.09768).

Ten student steps on one batch, as in the authors' code: the buffer holds one batch.
"""

_base_ = ['./without_store.py']

model = dict(
    synthesizer=dict(
        type='GeneratorSynthesizer',
        generator=dict(type='DCGANGenerator', latent_dim=100, image_size=32, width=64),
        losses=dict(adversarial=dict(type='AdversarialLoss', weight=1.0, temperature=1.0)),
        batch_size=128,
        steps=1,
        samples=128,
        latent_lr=0,
        modulate=False,
    ),
    buffer=dict(capacity=128),
    batch_size=128,
    distillation=dict(
        # The authors' KL is a mean over the classes: from_pair divides by their number.
        kl=dict(type='KLDivergenceLoss', weight=1.0, temperature=1.0),
        attention=dict(type='AttentionTransferLoss', weight=250.0),
    ),
)
# 10 student steps per generator step, 80,000 in total.
train_cfg = dict(max_rounds=8_000, warmup_rounds=0, steps_per_round=10, val_interval=200)
optim_wrapper = dict(
    student=dict(
        optimizer=dict(_delete_=True, type='Adam', lr=2e-3), clip_grad=dict(max_norm=5)
    ),
    generator=dict(
        optimizer=dict(_delete_=True, type='Adam', lr=1e-3), clip_grad=dict(max_norm=5)
    ),
)
from_pair = {'model.distillation.kl.weight': '1 / num_classes'}
# VGG shares no stages with the student.
by_teacher = dict(VGG=dict(model=dict(distillation=dict(attention=None))))
by_budget = dict(
    cpu=dict(
        model=dict(synthesizer=dict(batch_size=128, samples=128), buffer=dict(capacity=128)),
        train_cfg=dict(max_rounds=800, val_interval=50),
    ),
    minutes=dict(
        model=dict(
            synthesizer=dict(
                generator=dict(width=32, latent_dim=64), batch_size=64, samples=64
            ),
            buffer=dict(capacity=64),
        ),
        train_cfg=dict(max_rounds=300, val_interval=50),
    ),
)
