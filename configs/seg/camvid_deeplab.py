"""CamVid, DeepLabV3+ EfficientNet-Lite0 -> DeepLabV3+ MobileNetV2, in a CPU's budget."""

_base_ = [
    '../_base_/models/deeplabv3plus_efficientnetlite0.py',
    '../_base_/models/deeplabv3plus_mobilenetv2.py',
    '../_base_/methods/ssdkd_seg.py',
    '../_base_/datasets/camvid.py',
    '../_base_/schedules/cpu_seg.py',
    '../_base_/segmentation_runtime.py',
]

num_classes = len(_base_.classes)
# A half-width student: what two CPU cores can train from scratch.
student = _base_.deeplabv3plus_mobilenetv2
student.backbone.widen_factor = 0.5
student.decode_head.update(in_channels=160, c1_in_channels=16)
model = dict(
    teacher=dict(
        model=dict(
            type='mmseg', model=_base_.deeplabv3plus_efficientnetlite0, num_classes=num_classes
        ),
        checkpoint='work_dirs/camvid_deeplabv3plus_efficientnetlite0/teacher.pth',
    ),
    student=dict(model=dict(type='mmseg', model=student, num_classes=num_classes)),
    task=dict(num_classes=num_classes),
    synthesizer=dict(generator=dict(image_size=(96, 128), width=32), steps=4, crop_padding=8),
    buffer=dict(capacity=1000),
    crop_padding=8,
    autocast=None,
)
