"""A teacher for CIFAR-10-JPEG: a ViT of timm with patches of 4 pixels, 14 epochs.

71.7 % on the val images after 31 minutes of CPU time of one core with bfloat16 (AMX) and
TIMM_FUSED_ATTN=0: torch's fused attention is slow for so few patches.
"""

_base_ = ['./teacher_resnet20_groupnorm.py']

model = dict(
    network=dict(
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
            num_classes=10,
        )
    )
)
train_dataloader = dict(batch_size=64)
train_cfg = dict(max_epochs=14, val_interval=2)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
)
