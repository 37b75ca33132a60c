"""ImageNet, EfficientNet-Lite0 -> MobileNetV3-Small (both timm's), 224x224.

Evaluated on the labelled sample beside the teacher's checkpoint. The environment variable
SSDKD_SHARED is the folder with data/ and teachers/.
"""

_base_ = [
    '../_base_/methods/ssdkd_imagenet.py',
    '../_base_/default_runtime.py',
]

model = dict(
    teacher=dict(
        model=dict(type='timm', name='tf_efficientnet_lite0'),
        checkpoint='{{$SSDKD_SHARED:../shared}}/teachers/imagenet_tf_efficientnet_lite0.pth',
        mean=[0.498, 0.498, 0.498],
        std=[0.502, 0.502, 0.502],
    ),
    student=dict(model=dict(type='timm', name='mobilenetv3_small_100')),
)
# 500 labelled images, one for each of 500 classes.
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
