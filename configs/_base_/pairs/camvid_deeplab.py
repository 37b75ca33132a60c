"""CamVid, DeepLabV3+ EfficientNet-Lite0 -> DeepLabV3+ MobileNetV2, 11 classes.

Few steps do not make a backbone and a head out of random weights. The two networks have the
first layers and the decode head in common, so the student takes these from the teacher and
learns what lies between them: the features that the head knows.
"""

_base_ = ['../models/deeplab.py', '../datasets/camvid.py']

num_classes = len(_base_.classes)
segmentor = _base_.deeplabv3plus_mobilenetv2
segmentor.backbone.update(
    frozen_stages=2,
    norm_cfg=dict(type='BN', eps=1e-3),  # as in the layers that it reuses
)
teacher = dict(
    model=dict(
        type='mmseg', model=_base_.deeplabv3plus_efficientnetlite0, num_classes=num_classes
    ),
    checkpoint='work_dirs/camvid_deeplabv3plus_efficientnetlite0/teacher.pth',
)
student = dict(model=dict(type='mmseg', model=segmentor, num_classes=num_classes))
kind = 'seg'  # methods as in ssdkd_seg.py
budget = 'cpu'  # what it is made for; --budget chooses another one
image_size = (96, 128)
crop_padding = 8
settings = dict(
    model=dict(
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
    )
)
