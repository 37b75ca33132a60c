"""A teacher for CamVid: DeepLabV3+ on EfficientNet-Lite0, about an hour on two CPU cores.

The backbone starts with weights from ImageNet. The environment variable SSDKD_SHARED is the
folder with teachers/. Without that file, remove ``pretrained_cfg_overlay``: timm downloads
the weights.
"""

_base_ = [
    '../_base_/models/deeplabv3plus.py',
    '../_base_/datasets/camvid.py',
    '../_base_/teacher_runtime.py',
]

crop_size = (160, 192)  # height, width
segmentor = _base_.deeplabv3plus_efficientnetlite0
segmentor.data_preprocessor.size = crop_size
segmentor.backbone.update(
    pretrained=True,
    pretrained_cfg_overlay=dict(
        file='{{$SSDKD_SHARED:../shared}}/teachers/imagenet_tf_efficientnet_lite0.pth'
    ),
)
model = dict(type='mmseg', model=segmentor, num_classes=len(_base_.classes), channels_last=True)

train_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root='data/camvid',
        data_prefix=dict(img_path='img_dir/train', seg_map_path='ann_dir/train'),
        metainfo=dict(classes=_base_.classes, palette=_base_.palette),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='ssdkd.CheckLabels', num_classes=len(_base_.classes)),
            dict(
                type='RandomResize',
                scale=_base_.image_scale,
                ratio_range=(0.75, 1.75),
                keep_ratio=True,
            ),
            dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_size=8,
    num_workers=0,
    drop_last=True,
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=40, val_interval=5)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-2)
)
param_scheduler = dict(type='PolyLR', power=0.9, eta_min=1e-6, by_epoch=False)
default_hooks = dict(checkpoint=dict(save_best='mIoU'))
custom_hooks = [dict(type='ExportHook', network=None, filename='teacher.pth')]
