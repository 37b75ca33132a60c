"""What each part of SSD-KD adds: CIFAR-10-JPEG, ResNet-20 -> ResNet-20, 10 and 30 minutes.

All 16 settings of four parts; phi is used in both places. Where it is used is varied with all
four on. Five seeds of 10 minutes and three of 30: 90 and 54 runs, 42 hours of one at a time.
"""

_teachers = '{{$SSDKD_SHARED:../shared}}/teachers'
base = dict(
    pair='cifar10jpeg_resnet56_resnet20',
    method='ssdkd',
    options={  # all four parts off, so that phi is 1
        'model.teacher.model.depth': 20,
        'model.teacher.checkpoint': f'{_teachers}/cifar10_jpeg_resnet20.pth',
        'model.modulation.diversity': False,
        'model.modulation.difficulty': False,
        'model.sampler': dict(_delete_=True, type='UniformSampler'),
        'model.writer': dict(_delete_=True, type='RandomWriter'),
    },
)
switches = dict(
    diversity={'model.modulation.diversity': True},
    difficulty={'model.modulation.difficulty': True},
    priority_sampling={
        'model.sampler': dict(_delete_=True, type='PrioritySampler', alpha=0.6, beta=0.4)
    },
    crowded_writer={'model.writer': dict(_delete_=True, type='CrowdedWriter')},
)
_all = {key: value for part in switches.values() for key, value in part.items()}
variants = {
    'all, phi in inversion alone': {**_all, 'model.modulate': False},
    "all, phi in the student's loss alone": {**_all, 'model.synthesizer.modulate': False},
}
budget = [
    dict(minutes=10, seeds=[0, 1, 2, 3, 4]),
    dict(minutes=30, seeds=[0, 1, 2]),
]
