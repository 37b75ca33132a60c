"""CIFAR-100, ResNet-34 -> ResNet-18: Gaussian noise; see README.md."""

_base_ = [
    '../../_base_/pairs/cifar100_resnet34_resnet18.py',
    '../../_base_/methods/noise.py',
    '../../_base_/schedules/bounds.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
)
