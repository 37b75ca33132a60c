"""A pair: a small ViT of timm with patches of 4 pixels -> ResNet-20, on CIFAR-10-JPEG.

The teacher comes from teacher_vit.py.
"""

_base_ = ['ssdkd::_base_/pairs/cifar10jpeg_resnet56_resnet20.py']

teacher = dict(
    model=dict(
        _delete_=True,
        type='timm',
        name='vit_tiny_patch16_224',
        img_size=32,
        patch_size=4,
        embed_dim=128,
        depth=4,
        num_heads=4,
        mlp_ratio=2,
        class_token=False,
        global_pool='avg',
        num_classes=_base_.num_classes,
    ),
    checkpoint='work_dirs/teacher_vit/teacher.pth',
)
