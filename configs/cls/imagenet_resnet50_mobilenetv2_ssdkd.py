"""ImageNet, ResNet-50 -> mobilenet_v2 (both torchvision's), 224x224, 12,800 samples."""

_base_ = [
    '../_base_/pairs/imagenet_resnet50_mobilenetv2.py',
    '../_base_/methods/ssdkd_imagenet.py',
    '../_base_/default_runtime.py',
]

model = dict(teacher=_base_.teacher, student=_base_.student)
