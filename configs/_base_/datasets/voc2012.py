"""PASCAL VOC 2012 (Everingham et al. 2012): 21 classes with background, void is 255.

1,449 val images of different sizes, for evaluation only. docs/data.md describes where
to get the data, and its layout.
"""

num_classes = 21
image_scale = (2048, 512)  # mmseg: the short side becomes 512

val_dataloader = dict(
    dataset=dict(
        type='PascalVOCDataset',
        _scope_='mmseg',
        data_root='data/VOCdevkit/VOC2012',
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=image_scale, keep_ratio=True),
            dict(type='LoadAnnotations'),  # after Resize: scored in the original size
            dict(type='ssdkd.CheckLabels', num_classes=num_classes),
            dict(type='PackSegInputs'),
        ],
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
    batch_size=1,  # the images differ in size
    num_workers=2,
)
val_evaluator = dict(type='IoUMetric', _scope_='mmseg')
val_cfg = dict(type='ValLoop')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='TestLoop')
