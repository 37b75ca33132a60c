"""CIFAR-10, ResNet-34 -> ResNet-18: real images, NOT data-free; see README.md."""

_base_ = [
    '../../_base_/pairs/cifar10_resnet34_resnet18.py',
    '../../_base_/methods/oracle_real.py',
    '../../_base_/schedules/bounds.py',
    '../../_base_/short_rounds_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(
        dataset=dict(type='Cifar', root='data/cifar', name='cifar10', split='train')
    ),
)
