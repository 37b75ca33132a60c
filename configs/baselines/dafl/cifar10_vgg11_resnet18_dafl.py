"""CIFAR-10, VGG-11-BN -> ResNet-18: DAFL; see README.md."""

_base_ = [
    '../../_base_/pairs/cifar10_vgg11_resnet18.py',
    '../../_base_/methods/dafl.py',
    '../../_base_/schedules/dafl.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
)
