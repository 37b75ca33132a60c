"""CIFAR-10, VGG-11-BN -> ResNet-18: Fast-5; see README.md."""

_base_ = [
    '../../_base_/pairs/cifar10_vgg11_resnet18.py',
    '../../_base_/methods/fast5.py',
    '../../_base_/schedules/fast5.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    synthesizer=dict(losses=dict(class_prior=dict(weight=0.5), adversarial=dict(weight=1.0))),
)
