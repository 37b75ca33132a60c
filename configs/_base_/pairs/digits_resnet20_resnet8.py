"""scikit-learn's digits, ResNet-20 -> ResNet-8.

The teacher comes from configs/teachers/digits_resnet20.py.
"""

_base_ = ['../datasets/digits.py']

num_classes = 10
teacher = dict(
    model=dict(type='CifarResNet', depth=20, num_classes=num_classes),
    checkpoint='work_dirs/digits_resnet20/teacher.pth',
    mean=[0.5, 0.5, 0.5],
    std=[0.5, 0.5, 0.5],
)
student = dict(model=dict(type='CifarResNet', depth=8, num_classes=num_classes))
cuda_graphs = True
budget = 'minutes'  # the default; --budget overrides it
