"""CIFAR-100, WRN-40-2 -> WRN-16-1: real images, NOT data-free; see README.md."""

_base_ = [
    '../../_base_/pairs/cifar100_wrn40-2_wrn16-1.py',
    '../../_base_/methods/oracle_real.py',
    '../../_base_/schedules/bounds.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        dataset=dict(type='Cifar', root='data/cifar', name='cifar100', split='train')
    ),
)
