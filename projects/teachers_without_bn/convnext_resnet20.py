"""A pair: a small ConvNeXt of timm with patches of 2 pixels -> ResNet-20, on CIFAR-10-JPEG.

The teacher comes from teacher_convnext.py.
"""

_base_ = ['ssdkd::_base_/pairs/cifar10jpeg_resnet56_resnet20.py']

teacher = dict(
    model=dict(
        _delete_=True,
        type='timm',
        name='convnext_atto',
        patch_size=2,
        depths=(2, 2, 2, 2),
        dims=(32, 64, 128, 128),
        conv_mlp=False,
        num_classes=_base_.num_classes,
    ),
    checkpoint='work_dirs/teacher_convnext/teacher.pth',
)
