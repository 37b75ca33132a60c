"""What differs from default_runtime.py when the task is segmentation."""

_base_ = ['./default_runtime.py']

default_hooks = dict(checkpoint=dict(save_best='mIoU'))
