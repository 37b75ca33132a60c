"""default_runtime.py for methods whose rounds are a few steps: less often to the disk."""

_base_ = ['./default_runtime.py']

default_hooks = dict(checkpoint=dict(interval=400))
custom_hooks = [
    dict(type='BufferStatisticsHook', interval=400),
    dict(type='SampleGridHook', interval=400),
    dict(type='ExportHook'),
    dict(type='SummaryHook'),
]
