"""CIFAR-10, VGG-11-BN -> ResNet-18."""

_base_ = ['../datasets/cifar10.py']

num_classes = 10
teacher = dict(
    model=dict(type='VGG', depth=11, num_classes=num_classes),
    # From Fast-Datafree / CMI, or by ssdkd train-teacher cifar10_vgg11_resnet18
    checkpoint='checkpoints/cifar10_vgg11.pth',
    mean=[0.4914, 0.4822, 0.4465],
    std=[0.2023, 0.1994, 0.2010],
)
student = dict(model=dict(type='ResNet', depth=18, num_classes=num_classes))
budget = 'published'  # the default; --budget overrides it
