"""Digits, ResNet-20 and another ResNet-20 -> ResNet-8: SSD-KD from an ensemble.

Train the second teacher with another seed:

    python tools/train_teacher.py configs/teachers/digits_resnet20.py --seed 1 \
        --work-dir work_dirs/digits_resnet20_1
"""

_base_ = '../../configs/cls/digits_resnet20_resnet8_ssdkd.py'
custom_imports = dict(imports='projects.distillers.two_teachers')
model = dict(
    type='EnsembleDistiller',
    teacher=dict(
        _delete_=True,
        type='TeacherEnsemble',
        members=[
            dict(
                model=dict(type='CifarResNet', depth=20, num_classes=10),
                checkpoint='work_dirs/digits_resnet20/teacher.pth',
                mean=[0.5],
                std=[0.5],
            ),
            dict(
                model=dict(type='CifarResNet', depth=20, num_classes=10),
                checkpoint='work_dirs/digits_resnet20_1/teacher.pth',
                mean=[0.5],
                std=[0.5],
            ),
        ],
    ),
    student=dict(mean=[0.5], std=[0.5]),
)
work_dir = 'work_dirs/two_teachers'
