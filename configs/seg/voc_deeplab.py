"""PASCAL VOC 2012, DeepLabV3 ResNet-50 -> DeepLabV3 MobileNetV2; for a GPU.

The paper has no VOC table; this follows its NYUv2 setting.
"""

_base_ = [
    '../_base_/models/deeplabv3.py',
    '../_base_/methods/ssdkd_seg.py',
    '../_base_/datasets/voc2012.py',
]

num_classes = _base_.num_classes
model = dict(
    teacher=dict(
        model=dict(type='mmseg', model=_base_.deeplabv3_resnet50, num_classes=num_classes),
        checkpoint='work_dirs/voc_deeplabv3_resnet50/teacher.pth',
    ),
    student=dict(
        model=dict(type='mmseg', model=_base_.deeplabv3_mobilenetv2, num_classes=num_classes)
    ),
    task=dict(num_classes=num_classes),
    # The size of mmseg's crops: the largest dilation of the head spans 288 pixels per side.
    synthesizer=dict(generator=dict(image_size=512)),
    buffer=dict(capacity=4000),  # 3.1 GB
)
