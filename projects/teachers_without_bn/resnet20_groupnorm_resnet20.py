"""A pair: ResNet-20 with group norm -> ResNet-20, on CIFAR-10-JPEG.

The teacher comes from teacher_resnet20_groupnorm.py.
"""

_base_ = ['ssdkd::_base_/pairs/cifar10jpeg_resnet56_resnet20.py']

teacher = dict(
    model=dict(depth=20, groups=8),
    checkpoint='work_dirs/teacher_resnet20_groupnorm/teacher.pth',
)
