"""ImageNet, EfficientNet-Lite0 -> MobileNetV3-Small (both timm's), 224x224.

Evaluated on the labelled sample beside the teacher's checkpoint. The environment variable
SSDKD_SHARED names the folder that holds data/ and teachers/.
"""

_base_ = [
    '../_base_/methods/ssdkd_imagenet.py',
    '../_base_/datasets/imagenet_sample.py',
    '../_base_/schedules/imagenet.py',
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
