"""ImageNet, EfficientNet-Lite0 -> MobileNetV3-Small (both timm's), 224x224.

Evaluated on the labelled sample beside the teacher's checkpoint. The environment variable
SSDKD_SHARED is the folder with data/ and teachers/.
"""

_base_ = [
    '../_base_/pairs/imagenet_efficientnetlite0_mobilenetv3small.py',
    '../_base_/methods/ssdkd_imagenet.py',
    '../_base_/default_runtime.py',
]

model = dict(teacher=_base_.teacher, student=_base_.student)
