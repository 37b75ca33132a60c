"""CIFAR-10-JPEG, ResNet-56 -> ResNet-20, 5,000 samples, for a CPU.

The environment variable SSDKD_SHARED is the folder with data/ and teachers/.
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
    cuda_graphs=_base_.cuda_graphs,
)
train_cfg = dict(max_rounds=110, steps_per_round=80)
