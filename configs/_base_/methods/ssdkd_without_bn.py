"""SSD-KD for teachers without batch norm: ViT, DeiT, Swin, ConvNeXt, MLP-Mixer, group norm.

Such a teacher stores no statistics of its training data. What takes their place:
- the generator starts from shapes, so that the samples have edges and layouts from the start;
- the teacher is sure of each sample, and the classes of a batch are equal (DAFL, arXiv
  1904.01186): a generator without labels cannot follow a class prior;
- the student's images have light, contrast and saturation of photographs, as nothing in the
  losses keeps the colours.
PatchSimilarityLoss and TotalVariationTargetLoss (PSAQ-ViT, arXiv 2203.02250) cost accuracy
here: docs/trials.md.

No budget follows a publication: nothing is published for small images.
"""

_base_ = ['./ssdkd_cpu.py']

model = dict(
    synthesizer=dict(
        losses=dict(
            bn=None,
            confidence=dict(type='PseudoLabelLoss', weight=0.1),
            balance=dict(type='InformationEntropyLoss', weight=1.0),
        )
    ),
    batch_size=128,
    keep_answers=False,
    augment=[
        dict(type='RandomCropFlip', padding=4, flip=True),
        dict(type='PhotoColours'),
    ],
)
by_budget = dict(
    cpu=dict(train_cfg=dict(max_rounds=200, steps_per_round=20)),
    minutes=dict(
        model=dict(
            synthesizer=dict(
                generator=dict(width=32, latent_dim=64), batch_size=64, samples=320
            ),
            buffer=dict(capacity=1000),
            batch_size=64,
            # Digits are no photographs.
            augment=[dict(type='RandomCropFlip', padding=4, flip=True)],
        )
    ),
)
