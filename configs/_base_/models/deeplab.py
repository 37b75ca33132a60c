"""DeepLabV3 (Chen et al. 2017, arXiv 1706.05587) and V3+ (2018, 1802.02611), two networks each.

DeepLabV3 has stride 8: on ResNet-50 as mmseg's deeplabv3_r50-d8, whose checkpoints load; on
MobileNetV2 as mmseg's mobilenet-v2-d8_deeplabv3, without its auxiliary head. The auxiliary head
takes part in mmseg's own training alone, and only with ``auxiliary_head=True``. DeepLabV3+ has
stride 16: on timm's EfficientNet-Lite0 and on MobileNetV2.
"""

_norm = dict(type='BN')
_imagenet = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
# What all heads have in common. Unlike mmseg's, the loss is not diluted by void and padding.
_head = dict(
    dropout_ratio=0.1,
    num_classes=21,
    norm_cfg=_norm,
    align_corners=False,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)
_v3_head = dict(type='ASPPHead', in_index=3, channels=512, dilations=(1, 12, 24, 36), **_head)
_v3plus_head = dict(
    type='DepthwiseSeparableASPPHead',
    in_channels=320,
    in_index=3,
    channels=96,
    dilations=(1, 6, 12, 18),
    c1_in_channels=24,
    c1_channels=24,
    **_head,
)
_segmentor = dict(
    type='EncoderDecoder', _scope_='mmseg', train_cfg=dict(), test_cfg=dict(mode='whole')
)

deeplabv3_resnet50 = dict(
    data_preprocessor=_imagenet,
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        style='pytorch',
        norm_cfg=_norm,
    ),
    decode_head=dict(in_channels=2048, **_v3_head),
    auxiliary_head=dict(
        _head,
        type='FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4, avg_non_ignore=True),
    ),
    **_segmentor,
)

deeplabv3_mobilenetv2 = dict(
    data_preprocessor=_imagenet,
    backbone=dict(
        type='MobileNetV2',
        widen_factor=1.0,
        strides=(1, 2, 2, 1, 1, 1, 1),
        dilations=(1, 1, 1, 2, 2, 4, 4),
        out_indices=(1, 2, 4, 6),
        norm_cfg=_norm,
    ),
    decode_head=dict(in_channels=320, **_v3_head),
    **_segmentor,
)

deeplabv3plus_efficientnetlite0 = dict(
    data_preprocessor=dict(
        _imagenet,
        mean=[127.0, 127.0, 127.0],  # those of the backbone's own training
        std=[128.0, 128.0, 128.0],
    ),
    backbone=dict(
        type='TIMMBackbone',
        model_name='tf_efficientnet_lite0',
        features_only=True,
        pretrained=False,
        output_stride=16,
        out_indices=(1, 2, 3, 4),
    ),
    decode_head=_v3plus_head,
    **_segmentor,
)

deeplabv3plus_mobilenetv2 = dict(
    backbone=dict(
        type='MobileNetV2',
        widen_factor=1.0,
        strides=(1, 2, 2, 2, 1, 1, 1),
        dilations=(1, 1, 1, 1, 1, 2, 2),
        out_indices=(1, 2, 4, 6),
        norm_cfg=_norm,
    ),
    # A student's own loss is not asked for.
    decode_head=dict(_v3plus_head, loss_decode=dict(type='CrossEntropyLoss')),
    **_segmentor,
)

del _norm, _imagenet, _head, _v3_head, _v3plus_head, _segmentor  # parts, no settings
