"""ImageNet's 50,000 validation images as val/<class>/<file>. For evaluation only.

The train set is read only by the upper bound, oracle_real.
"""

image_size = 224
train_set = dict(type='ImageFolder', root='data/imagenet/train', image_size=224, resize=256)

val_dataloader = dict(
    dataset=dict(type='ImageFolder', root='data/imagenet/val', image_size=224, resize=256),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    batch_size=128,
    num_workers=4,
)
val_evaluator = dict(type='Accuracy', topk=(1, 5))
val_cfg = dict(type='ValLoop')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='TestLoop')
