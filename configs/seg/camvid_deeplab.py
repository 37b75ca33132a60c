"""CamVid, DeepLabV3+ EfficientNet-Lite0 -> DeepLabV3+ MobileNetV2, for a CPU."""

_base_ = ['../_base_/pairs/camvid_deeplab.py', '../_base_/methods/ssdkd_seg.py']

cpu = _base_.by_budget.cpu
model, train_cfg, optim_wrapper = cpu.model, cpu.train_cfg, cpu.optim_wrapper
model.update(
    _base_.settings.model,
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    augment=[
        dict(type='RandomCropFlip', padding=_base_.crop_padding, flip=True),
        dict(type='RandomLight', strength=0.7),
    ],
)
model.synthesizer.augment = [
    dict(type='RandomCropFlip', padding=_base_.crop_padding, flip=True)
]
model.synthesizer.generator.image_size = _base_.image_size
del cpu
