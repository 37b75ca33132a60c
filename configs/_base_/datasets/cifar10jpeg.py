"""CIFAR-10 as JPEG (strongly compressed): 5,000 val images. For evaluation only.

The environment variable SSDKD_SHARED names the folder that holds data/ and teachers/.
"""

val_dataloader = dict(
    dataset=dict(
        type='ImageFolder',
        root='{{$SSDKD_SHARED:../shared}}/data/cifar10_jpeg/val',
        image_size=32,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    batch_size=500,
    num_workers=0,
)
val_evaluator = dict(type='Accuracy')
val_cfg = dict(type='ValLoop')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='TestLoop')
