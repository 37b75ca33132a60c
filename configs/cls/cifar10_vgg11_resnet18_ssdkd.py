"""CIFAR-10, VGG-11-BN -> ResNet-18, 5,000 samples (SSD-KD, Liu et al. 2024, Table 1)."""

_base_ = [
    '../_base_/pairs/cifar10_vgg11_resnet18.py',
    '../_base_/methods/ssdkd.py',
    '../_base_/schedules/published.py',
    '../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
)
