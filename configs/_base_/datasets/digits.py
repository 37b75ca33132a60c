"""scikit-learn's digits as 32x32 RGB: 360 held-out images. For evaluation only.

Only the training of a teacher and oracle_real, the upper bound, read the train set.
"""

image_size = 32
# Augmentations that keep the class of an image.
crop_padding = 2
flip = False
train_set = dict(type='Digits', split='train', image_size=32)

val_dataloader = dict(
    dataset=dict(type='Digits', split='val', image_size=32),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    batch_size=500,
    num_workers=0,
)
val_evaluator = dict(type='Accuracy')
val_cfg = dict(type='ValLoop')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='TestLoop')
