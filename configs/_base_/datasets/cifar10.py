"""CIFAR-10's 10,000 test images, downloaded if missing. For evaluation only.

Only the training of a teacher and oracle_real, the upper bound, read the train set.
"""

image_size = 32
# Augmentations that keep the class of an image.
crop_padding = 4
flip = True
train_set = dict(type='Cifar', root='data/cifar', name='cifar10', split='train')

val_dataloader = dict(
    dataset=dict(type='Cifar', root='data/cifar', name='cifar10', split='val'),
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
