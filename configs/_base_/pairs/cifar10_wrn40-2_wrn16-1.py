"""CIFAR-10, WRN-40-2 -> WRN-16-1."""

_base_ = ['../datasets/cifar10.py']

num_classes = 10
teacher = dict(
    model=dict(type='WideResNet', depth=40, widen_factor=2, num_classes=num_classes),
    # From Fast-Datafree / CMI, or by ssdkd train-teacher cifar10_wrn40-2_wrn16-1
    checkpoint='checkpoints/cifar10_wrn40_2.pth',
    mean=[0.4914, 0.4822, 0.4465],
    std=[0.2023, 0.1994, 0.2010],
)
student = dict(model=dict(type='WideResNet', depth=16, widen_factor=1, num_classes=num_classes))
budget = 'published'  # the default; --budget overrides it
