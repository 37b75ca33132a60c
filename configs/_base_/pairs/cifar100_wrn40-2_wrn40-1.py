"""CIFAR-100, WRN-40-2 -> WRN-40-1."""

_base_ = ['../datasets/cifar100.py']

num_classes = 100
teacher = dict(
    model=dict(type='WideResNet', depth=40, widen_factor=2, num_classes=num_classes),
    # From Fast-Datafree / CMI, or by ssdkd train-teacher cifar100_wrn40-2_wrn40-1
    checkpoint='checkpoints/cifar100_wrn40_2.pth',
    mean=[0.5071, 0.4867, 0.4408],
    std=[0.2675, 0.2565, 0.2761],
)
student = dict(model=dict(type='WideResNet', depth=40, widen_factor=1, num_classes=num_classes))
budget = 'published'  # the default; --budget overrides it
