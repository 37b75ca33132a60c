"""A teacher for PASCAL VOC 2012: DeepLabV3 on ResNet-50, as mmseg trains it; needs a GPU.

The backbone starts with weights from ImageNet, downloaded once. mmseg's own checkpoint,
trained on more images, also works; docs/data.md describes how to use it.
"""

_base_ = [
    '../_base_/models/deeplabv3.py',
    '../_base_/datasets/voc2012.py',
    '../_base_/schedules/teacher_seg.py',
]

crop_size = (512, 512)  # height, width; mmseg
segmentor = _base_.deeplabv3_resnet50
segmentor.data_preprocessor.size = crop_size  # smaller images are padded
segmentor.backbone.init_cfg = dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c')
model = dict(type='mmseg', model=segmentor, num_classes=_base_.num_classes, auxiliary_head=True)

train_dataloader = dict(
    dataset=dict(
        type='PascalVOCDataset',
        _scope_='mmseg',
        data_root='data/VOCdevkit/VOC2012',
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='ssdkd.CheckLabels', num_classes=_base_.num_classes),
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
