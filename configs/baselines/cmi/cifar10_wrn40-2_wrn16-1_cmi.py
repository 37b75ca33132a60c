"""CIFAR-10, WRN-40-2 -> WRN-16-1: CMI-500; see README.md."""

_base_ = [
    '../../_base_/pairs/cifar10_wrn40-2_wrn16-1.py',
    '../../_base_/methods/cmi.py',
    '../../_base_/schedules/cmi.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
)
