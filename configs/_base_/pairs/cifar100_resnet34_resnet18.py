"""CIFAR-100, ResNet-34 -> ResNet-18."""

_base_ = ['../datasets/cifar100.py']

num_classes = 100
teacher = dict(
    model=dict(type='ResNet', depth=34, num_classes=num_classes),
    # From Fast-Datafree / CMI, or by ssdkd train-teacher cifar100_resnet34_resnet18
    checkpoint='checkpoints/cifar100_resnet34.pth',
    mean=[0.5071, 0.4867, 0.4408],
    std=[0.2675, 0.2565, 0.2761],
)
student = dict(model=dict(type='ResNet', depth=18, num_classes=num_classes))
budget = 'published'  # the default; --budget overrides it
