"""CamVid (Brostow et al. 2009): 11 classes, void is 255. 101 images, for evaluation only.

docs/data.md describes where to get the data, and its layout.
"""

classes = (
    'sky',
    'building',
    'pole',
    'road',
    'pavement',
    'tree',
    'sign',
    'fence',
    'car',
    'pedestrian',
    'bicyclist',
)
palette = [
    [128, 128, 128],
    [128, 0, 0],
    [192, 192, 128],
    [128, 64, 128],
    [60, 40, 222],
    [128, 128, 0],
    [192, 128, 128],
    [64, 64, 128],
    [64, 0, 128],
    [64, 64, 0],
    [0, 128, 192],
]
image_scale = (256, 192)  # width, height; the originals have 480 x 360

val_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root='data/camvid',
        data_prefix=dict(img_path='img_dir/val', seg_map_path='ann_dir/val'),
        metainfo=dict(classes=classes, palette=palette),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=image_scale),
            dict(type='LoadAnnotations'),  # after Resize: scored in the original size
            dict(type='ssdkd.CheckLabels', num_classes=len(classes)),
            dict(type='PackSegInputs'),
        ],
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
    batch_size=4,
    num_workers=0,
)
val_evaluator = dict(type='IoUMetric', _scope_='mmseg')
val_cfg = dict(type='ValLoop')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='TestLoop')
