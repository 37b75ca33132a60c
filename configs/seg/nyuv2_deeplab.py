"""NYUv2, DeepLabV3 ResNet-50 -> DeepLabV3 MobileNetV2, as in SSD-KD; for a GPU."""

_base_ = ['../_base_/pairs/nyuv2_deeplab.py', '../_base_/methods/ssdkd_seg.py']

model = _base_.settings.model
model.update(
    teacher=_base_.teacher, student=_base_.student, task=dict(num_classes=_base_.num_classes)
)
model.synthesizer.generator = dict(image_size=_base_.image_size)
