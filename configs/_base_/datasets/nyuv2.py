"""NYU Depth V2 (Silberman et al. 2012), RGB only, 13 classes of Couprie et al. 2013.

654 test images of 640x480, for evaluation only; void is 255. docs/data.md describes where
to get the data, and its layout.
"""

classes = (  # in the order of class13Mapping.mat
    'bed',
    'books',
    'ceiling',
    'chair',
    'floor',
    'furniture',
    'objects',
    'painting',
    'sofa',
    'table',
    'tv',
    'wall',
    'window',
)
palette = [
    [128, 0, 0],
    [0, 128, 0],
    [128, 128, 0],
    [0, 0, 128],
    [128, 0, 128],
    [0, 128, 128],
    [128, 128, 128],
    [64, 0, 0],
    [192, 0, 0],
    [64, 128, 0],
    [192, 128, 0],
    [64, 0, 128],
    [192, 0, 128],
]
# The short side becomes 256, as in Fast (Fang et al. 2022, arXiv 2112.12568).
image_scale = (2048, 256)

val_dataloader = dict(
    dataset=dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root='data/nyuv2',
        data_prefix=dict(img_path='img_dir/test', seg_map_path='ann_dir/test'),
        metainfo=dict(classes=classes, palette=palette),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=image_scale, keep_ratio=True),
            dict(type='LoadAnnotations'),  # after Resize: scored in the original size
            dict(type='ssdkd.CheckLabels', num_classes=len(classes)),
            dict(type='PackSegInputs'),
        ],
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
    batch_size=8,
    num_workers=2,
)
val_evaluator = dict(type='IoUMetric', _scope_='mmseg')
val_cfg = dict(type='ValLoop')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='TestLoop')
