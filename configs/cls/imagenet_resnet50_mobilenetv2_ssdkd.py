"""ImageNet, ResNet-50 -> mobilenet_v2 (both torchvision's), 224x224, 12,800 samples."""

_base_ = [
    '../_base_/methods/ssdkd_imagenet.py',
    '../_base_/datasets/imagenet.py',
    '../_base_/default_runtime.py',
]

model = dict(
    teacher=dict(
        # Downloaded once. Without internet access: weights=None here and checkpoint=<file>.
        model=dict(type='torchvision', name='resnet50', weights='IMAGENET1K_V1'),
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
    ),
    student=dict(model=dict(type='torchvision', name='mobilenet_v2')),
)
