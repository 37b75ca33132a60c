"""CIFAR-10-JPEG, ResNet-56 -> ResNet-20.

The environment variable SSDKD_SHARED names the folder that holds data/ and teachers/.
"""

_base_ = ['../datasets/cifar10jpeg.py']

num_classes = 10
teacher = dict(
    model=dict(type='CifarResNet', depth=56, num_classes=num_classes),
    checkpoint='{{$SSDKD_SHARED:../shared}}/teachers/cifar10_jpeg_resnet56.pth',
    mean=[0.485, 0.456, 0.406],
    std=[0.229, 0.224, 0.225],
)
student = dict(model=dict(type='CifarResNet', depth=20, num_classes=num_classes))
