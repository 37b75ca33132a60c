"""CIFAR-10, WRN-40-2 -> WRN-16-2: DAFL; see README.md."""

_base_ = [
    '../../_base_/pairs/cifar10_wrn40-2_wrn16-2.py',
    '../../_base_/methods/dafl.py',
    '../../_base_/schedules/dafl.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
)
