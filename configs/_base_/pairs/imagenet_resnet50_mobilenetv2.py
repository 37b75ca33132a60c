"""ImageNet, ResNet-50 -> mobilenet_v2 (both torchvision's), 224x224."""

_base_ = ['../datasets/imagenet.py']

num_classes = 1000
teacher = dict(
    # Downloaded once; without a network give weights=None here and checkpoint=<file>.
    model=dict(type='torchvision', name='resnet50', weights='IMAGENET1K_V1'),
    mean=[0.485, 0.456, 0.406],
    std=[0.229, 0.224, 0.225],
)
student = dict(model=dict(type='torchvision', name='mobilenet_v2'))
kind = 'imagenet'  # methods as in ssdkd_imagenet.py
