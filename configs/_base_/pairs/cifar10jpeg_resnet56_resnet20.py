"""CIFAR-10-JPEG (strongly compressed), ResNet-56 -> ResNet-20; 5,000 val images.

The environment variable SSDKD_SHARED is the folder with data/ and teachers/.
"""

num_classes = 10
teacher = dict(
    model=dict(type='CifarResNet', depth=56, num_classes=num_classes),
    checkpoint='{{$SSDKD_SHARED:../shared}}/teachers/cifar10_jpeg_resnet56.pth',
    mean=[0.485, 0.456, 0.406],
    std=[0.229, 0.224, 0.225],
)
student = dict(model=dict(type='CifarResNet', depth=20, num_classes=num_classes))
autocast = 'auto'
cuda_graphs = True
budget = 'cpu'  # the default; --budget overrides it

class_names = [  # for methods that ask for them
    'airplane',
    'automobile',
    'bird',
    'cat',
    'deer',
    'dog',
    'frog',
    'horse',
    'ship',
    'truck',
]
image_size = 32
# Augmentations that keep the class of an image.
crop_padding = 4
flip = True
# Used only by oracle_real, the upper bound.
train_set = dict(
    type='ImageFolder',
    root='{{$SSDKD_SHARED:../shared}}/data/cifar10_jpeg/train',
    image_size=32,
)
val_dataloader = dict(
    dataset=dict(
        type='ImageFolder',
        root='{{$SSDKD_SHARED:../shared}}/data/cifar10_jpeg/val',
        image_size=32,
    ),
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
