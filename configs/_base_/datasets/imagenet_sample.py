"""500 labelled images of ImageNet, one for each of 500 classes. For evaluation only.

The environment variable SSDKD_SHARED names the folder that holds data/ and teachers/.
"""

val_dataloader = dict(
    dataset=dict(
        type='LabelledImages',
        root='{{$SSDKD_SHARED:../shared}}/data/imagenet_sample/images',
        labels='{{$SSDKD_SHARED:../shared}}/data/imagenet_sample/labels.json',
        image_size=224,
        resize=256,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    batch_size=50,
    num_workers=0,
)
val_evaluator = dict(type='Accuracy', topk=(1, 5))
val_cfg = dict(type='ValLoop')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='TestLoop')
