"""Hooks of mmengine's Runner."""

from ssdkd.engine.hooks.buffer_statistics import BufferStatisticsHook, buffer_statistics
from ssdkd.engine.hooks.export_student import ExportHook
from ssdkd.engine.hooks.sample_grid import SampleGridHook
from ssdkd.engine.hooks.summary import SummaryHook
from ssdkd.engine.hooks.training_state import TrainingStateHook

__all__ = [
    'BufferStatisticsHook', 'ExportHook', 'SampleGridHook', 'SummaryHook',
    'TrainingStateHook', 'buffer_statistics'
]
