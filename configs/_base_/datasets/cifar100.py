"""CIFAR-100's 10,000 test images, downloaded when absent. For evaluation only."""

val_dataloader = dict(
    dataset=dict(type='Cifar', root='data/cifar', name='cifar100', split='val'),
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
