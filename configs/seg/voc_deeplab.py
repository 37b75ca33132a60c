"""PASCAL VOC 2012, DeepLabV3 ResNet-50 -> DeepLabV3 MobileNetV2; for a GPU.

The paper has no VOC table; this follows its NYUv2 setting.
"""

_base_ = ['../_base_/pairs/voc_deeplab.py', '../_base_/methods/ssdkd_seg.py']

model = _base_.settings.model
model.update(
    teacher=_base_.teacher, student=_base_.student, task=dict(num_classes=_base_.num_classes)
)
model.synthesizer = dict(generator=dict(image_size=_base_.image_size))
