"""What differs from teacher_runtime.py when the teacher is a segmentor of mmseg."""

_base_ = ['./teacher_runtime.py']

default_hooks = dict(checkpoint=dict(save_best='mIoU'))
custom_hooks = [dict(type='ExportHook', network=None, filename='teacher.pth')]
