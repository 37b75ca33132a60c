"""Hooks of mmengine's Runner."""

from ssdkd.engine.hooks.buffer_statistics import BufferStatisticsHook, buffer_statistics
from ssdkd.engine.hooks.checkpoint import DistillCheckpointHook, SafeCheckpointHook
from ssdkd.engine.hooks.estimate import EstimateHook
from ssdkd.engine.hooks.export_student import ExportHook
from ssdkd.engine.hooks.panels import PanelHook
from ssdkd.engine.hooks.quality import QualityHook
from ssdkd.engine.hooks.sample_grid import SampleGridHook
from ssdkd.engine.hooks.schedule import ScheduleHook
from ssdkd.engine.hooks.summary import SummaryHook

__all__ = [
    'BufferStatisticsHook',
    'DistillCheckpointHook',
    'EstimateHook',
    'ExportHook',
    'PanelHook',
    'QualityHook',
    'SafeCheckpointHook',
    'SampleGridHook',
    'ScheduleHook',
    'SummaryHook',
    'buffer_statistics',
]
