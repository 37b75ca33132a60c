"""NYUv2, DeepLabV3 ResNet-50 -> DeepLabV3 MobileNetV2, 13 classes."""

_base_ = ['../models/deeplab.py', '../datasets/nyuv2.py']

num_classes = len(_base_.classes)
teacher = dict(
    model=dict(type='mmseg', model=_base_.deeplabv3_resnet50, num_classes=num_classes),
    checkpoint='work_dirs/nyuv2_deeplabv3_resnet50/teacher.pth',
)
student = dict(
    model=dict(type='mmseg', model=_base_.deeplabv3_mobilenetv2, num_classes=num_classes)
)
kind = 'seg'  # methods as in ssdkd_seg.py
image_size = 256
settings = dict(
    model=dict(
        # 64 images per round fill the buffer in 250 rounds.
        synthesizer=dict(batch_size=64),
        buffer=dict(capacity=16_000),  # SSD-KD; 3.1 GB
        batch_size=32,
    )
)
