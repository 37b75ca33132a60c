"""A pair: a small ConvNeXt of timm with patches of one pixel -> ResNet-20, on CIFAR-10-JPEG.

The teacher comes from teacher_convnext.py.
"""

_base_ = ['ssdkd::_base_/pairs/cifar10jpeg_resnet56_resnet20.py']

teacher = dict(
    model=dict(
        _delete_=True,
        type='timm',
        name='convnext_atto',
        patch_size=1,
        depths=(1, 2, 2, 1),
        dims=(12, 64, 128, 192),
        kernel_sizes=3,
        conv_mlp=False,
        ls_init_value=1.0,  # at 1e-6, blocks do nothing for the first epochs
        num_classes=_base_.num_classes,
    ),
    checkpoint='work_dirs/teacher_convnext/teacher.pth',
)
