"""NYUv2, DeepLabV3 ResNet-50 -> DeepLabV3 MobileNetV2, as in SSD-KD; for a GPU."""

_base_ = [
    '../_base_/models/deeplabv3.py',
    '../_base_/methods/ssdkd_seg.py',
    '../_base_/datasets/nyuv2.py',
]

num_classes = len(_base_.classes)
model = dict(
    teacher=dict(
        model=dict(type='mmseg', model=_base_.deeplabv3_resnet50, num_classes=num_classes),
        checkpoint='work_dirs/nyuv2_deeplabv3_resnet50/teacher.pth',
    ),
    student=dict(
        model=dict(type='mmseg', model=_base_.deeplabv3_mobilenetv2, num_classes=num_classes)
    ),
    task=dict(num_classes=num_classes),
    # 64 images per round fill the buffer in 250 rounds.
    synthesizer=dict(generator=dict(image_size=256), batch_size=64),
    buffer=dict(capacity=16_000),  # SSD-KD; 3.1 GB
    batch_size=32,
)
