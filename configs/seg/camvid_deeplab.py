"""CamVid, DeepLabV3+ EfficientNet-Lite0 -> DeepLabV3+ MobileNetV2, for a CPU.

A few steps are not enough to train a backbone and a head from random weights. Both networks
have the same first layers and the same decode head, so the student starts with the teacher's
weights of these, and learns the layers between them by feature matching.
"""

_base_ = [
    '../_base_/models/deeplabv3plus.py',
    '../_base_/methods/ssdkd_seg_cpu.py',
    '../_base_/datasets/camvid.py',
]

num_classes = len(_base_.classes)
student = _base_.deeplabv3plus_mobilenetv2
student.backbone.update(
    frozen_stages=2,
    norm_cfg=dict(type='BN', eps=1e-3),  # as in the reused layers
)
model = dict(
    teacher=dict(
        model=dict(
            type='mmseg', model=_base_.deeplabv3plus_efficientnetlite0, num_classes=num_classes
        ),
        checkpoint='work_dirs/camvid_deeplabv3plus_efficientnetlite0/teacher.pth',
    ),
    student=dict(model=dict(type='mmseg', model=student, num_classes=num_classes)),
    reuse={
        'backbone.conv1.conv': 'backbone.timm_model.conv_stem',
        'backbone.conv1.bn': 'backbone.timm_model.bn1',
        'backbone.layer1': 'backbone.timm_model.blocks.0',
        'backbone.layer2': 'backbone.timm_model.blocks.1',
        'decode_head': 'decode_head',
    },
    distillation=dict(
        features=dict(
            type='FeatureMatchingLoss',
            layers={'backbone.layer7': 'backbone.timm_model.blocks.6'},
        )
    ),
    task=dict(num_classes=num_classes),
    synthesizer=dict(
        generator=dict(image_size=(96, 128)),
        augment=[dict(type='RandomCropFlip', padding=8, flip=True)],
    ),
    augment=[
        dict(type='RandomCropFlip', padding=8, flip=True),
        dict(type='RandomLight', strength=0.7),
    ],
)
