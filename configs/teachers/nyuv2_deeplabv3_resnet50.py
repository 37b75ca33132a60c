"""A teacher for NYUv2, 13 classes: DeepLabV3 on ResNet-50 by mmseg's recipe; needs a GPU.

The backbone starts with weights from ImageNet, downloaded once. mmseg has no schedule for
NYUv2; this is its schedule for VOC, at the image size of nyuv2.py.
"""

_base_ = [
    '../_base_/models/deeplabv3.py',
    '../_base_/datasets/nyuv2.py',
    '../_base_/schedules/teacher_seg.py',
]

crop_size = (256, 256)  # height, width
segmentor = _base_.deeplabv3_resnet50
segmentor.data_preprocessor.size = crop_size  # smaller images are padded
segmentor.backbone.init_cfg = dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c')
model = dict(
    type='mmseg', model=segmentor, num_classes=len(_base_.classes), auxiliary_head=True
)

train_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root='data/nyuv2',
        data_prefix=dict(img_path='img_dir/train', seg_map_path='ann_dir/train'),
        metainfo=dict(classes=_base_.classes, palette=_base_.palette),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='ssdkd.CheckLabels', num_classes=len(_base_.classes)),
            dict(
                type='RandomResize',
                scale=_base_.image_scale,
                ratio_range=(0.5, 2.0),  # mmseg
                keep_ratio=True,
            ),
            dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),  # mmseg
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
    ),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    batch_size=16,  # mmseg: 4 on each of 4 GPUs
    num_workers=8,
)
