"""What priors for teachers without batch norm give a student, alone and together: 54 runs.

A benchmark's specification, for `ssdkd benchmark projects/teachers_without_bn/priors.py`. Each
run has 60 rounds of 20 student steps after 6 rounds of warm-up. Train the teachers first.
"""

_teachers = dict(
    vit='projects/teachers_without_bn/vit_resnet20.py',
    groupnorm='projects/teachers_without_bn/resnet20_groupnorm_resnet20.py',
    convnext='projects/teachers_without_bn/convnext_resnet20.py',
)
_losses = 'model.synthesizer.losses'
_class_prior = {
    f'{_losses}.class_prior': dict(_delete_=True, type='ClassPriorLoss', weight=0.5),
    f'{_losses}.confidence': None,
    f'{_losses}.balance': None,
}
_plain_colours = {'model.augment': [dict(type='RandomCropFlip', padding=4, flip=True)]}
_neither = {**_class_prior, **_plain_colours}
_priors = dict(
    without=_neither,
    patches={
        **_neither,
        f'{_losses}.patches': dict(_delete_=True, type='PatchSimilarityLoss', weight=1.0),
    },
    variation={
        **_neither,
        f'{_losses}.variation': dict(
            _delete_=True, type='TotalVariationTargetLoss', weight=1.0
        ),
    },
    classes=_plain_colours,
    colours=_class_prior,
    method={},  # ssdkd_without_bn itself: classes and colours
)
methods = {
    f'{_teacher}_{_prior}': dict(
        pair=_pair,
        method='ssdkd_without_bn',
        label=f'{_teacher}, {_prior}',
        options={
            'train_cfg.max_rounds': 66,
            'train_cfg.warmup_rounds': 6,
            'train_cfg.steps_per_round': 20,
            **_options,
        },
    )
    for _teacher, _pair in _teachers.items()
    for _prior, _options in _priors.items()
}
seeds = [0, 1, 2]
budget = 'config'
