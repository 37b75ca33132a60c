"""CIFAR-100, ResNet-34 -> ResNet-18, 5,000 samples (SSD-KD, Liu et al. 2024, Table 1)."""

_base_ = [
    '../_base_/methods/ssdkd.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/published.py',
    '../_base_/default_runtime.py',
]

num_classes = 100
model = dict(
    teacher=dict(
        model=dict(type='ResNet', depth=34, num_classes=num_classes),
        # From Fast-Datafree / CMI, or train it: configs/teachers/cifar100_resnet34.py
        checkpoint='checkpoints/cifar100_resnet34.pth',
        mean=[0.5071, 0.4867, 0.4408],
        std=[0.2675, 0.2565, 0.2761],
    ),
    student=dict(model=dict(type='ResNet', depth=18, num_classes=num_classes)),
    task=dict(num_classes=num_classes),
)
