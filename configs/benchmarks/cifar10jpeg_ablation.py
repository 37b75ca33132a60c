"""What each part of SSD-KD adds: CIFAR-10-JPEG, ResNet-20 -> ResNet-20, 10 and 30 minutes.

A fractional factorial of resolution IV, 2^(6-2) = 16 of the 64 settings of six parts: main
effects are free of interactions of two parts, which are mixed with each other. Five seeds of 10
minutes and three of 30: 80 and 48 runs, 38 hours of one run at a time.
"""

_teachers = '{{$SSDKD_SHARED:../shared}}/teachers'
base = dict(
    pair='cifar10jpeg_resnet56_resnet20',
    method='ssdkd',
    options={  # all six parts off
        'model.teacher.model.depth': 20,
        'model.teacher.checkpoint': f'{_teachers}/cifar10_jpeg_resnet20.pth',
        'model.modulation.diversity': False,
        'model.modulation.difficulty': False,
        'model.sampler': dict(_delete_=True, type='UniformSampler'),
        'model.writer': dict(_delete_=True, type='RandomWriter'),
        'model.synthesizer.modulate': False,
        'model.modulate': False,
    },
)
switches = dict(
    diversity={'model.modulation.diversity': True},
    difficulty={'model.modulation.difficulty': True},
    priority_sampling={
        'model.sampler': dict(_delete_=True, type='PrioritySampler', alpha=0.6, beta=0.4)
    },
    crowded_writer={'model.writer': dict(_delete_=True, type='CrowdedWriter')},
    phi_in_inversion={'model.synthesizer.modulate': True},
    phi_in_student_loss={'model.modulate': True},
)
# Each is on if an even number of the three is off: I = ABCE = BCDF = ADEF.
fraction = dict(
    phi_in_inversion=['diversity', 'difficulty', 'priority_sampling'],
    phi_in_student_loss=['difficulty', 'priority_sampling', 'crowded_writer'],
)
budget = [
    dict(minutes=10, seeds=[0, 1, 2, 3, 4]),
    dict(minutes=30, seeds=[0, 1, 2]),
]
