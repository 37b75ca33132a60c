"""PASCAL VOC 2012, DeepLabV3 ResNet-50 -> DeepLabV3 MobileNetV2, 21 classes."""

_base_ = ['../models/deeplab.py', '../datasets/voc2012.py']

num_classes = _base_.num_classes
teacher = dict(
    model=dict(type='mmseg', model=_base_.deeplabv3_resnet50, num_classes=num_classes),
    checkpoint='work_dirs/voc_deeplabv3_resnet50/teacher.pth',
)
student = dict(
    model=dict(type='mmseg', model=_base_.deeplabv3_mobilenetv2, num_classes=num_classes)
)
kind = 'seg'  # methods as in ssdkd_seg.py
# The size of mmseg's crops: the largest dilation of the head spans 288 pixels per side.
image_size = 512
settings = dict(model=dict(buffer=dict(capacity=4000)))  # 3.1 GB
