"""CIFAR-10-JPEG, ResNet-56 -> ResNet-20, 5,000 samples, in a CPU's budget.

The environment variable SSDKD_SHARED names the folder that holds data/ and teachers/.
"""

_base_ = [
    '../_base_/pairs/cifar10jpeg_resnet56_resnet20.py',
    '../_base_/methods/ssdkd_cpu.py',
    '../_base_/schedules/cpu.py',
    '../_base_/default_runtime.py',
]

model = dict(
    teacher=_base_.teacher,
    student=_base_.student,
    task=dict(num_classes=_base_.num_classes),
    autocast=_base_.autocast,
)
