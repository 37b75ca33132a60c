"""Digits, ResNet-20 -> ResNet-8 and WRN-10-1, in one run."""

_base_ = '../../configs/cls/digits_resnet20_resnet8_ssdkd.py'
custom_imports = dict(imports='projects.distillers.two_students')
model = dict(
    type='TwoStudents',
    second=dict(
        model=dict(type='WideResNet', depth=10, widen_factor=1, num_classes=10),
    ),
)
optim_wrapper = dict(
    second=dict(
        type='OptimWrapper',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
    )
)
param_scheduler = dict(second=[dict(type='CosineAnnealingLR', by_epoch=False)])
work_dir = 'work_dirs/two_students'
