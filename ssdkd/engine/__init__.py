"""Loops, hooks and optimizers for mmengine's Runner."""

from ssdkd.engine.atomic_backend import AtomicLocalBackend
from ssdkd.engine.distributed import DistributedDistiller
from ssdkd.engine.hooks import (
    BufferStatisticsHook,
    DistillCheckpointHook,
    EstimateHook,
    ExportHook,
    QualityHook,
    SafeCheckpointHook,
    SampleGridHook,
    ScheduleHook,
    SummaryHook,
)
from ssdkd.engine.log_processor import RoundLogProcessor
from ssdkd.engine.loop import DistillLoop, LatentStream
from ssdkd.engine.optim_constructor import RoleOptimWrapperConstructor
from ssdkd.engine.runner import StrictRunner

__all__ = [
    'AtomicLocalBackend',
    'BufferStatisticsHook',
    'DistillCheckpointHook',
    'DistillLoop',
    'DistributedDistiller',
    'EstimateHook',
    'ExportHook',
    'LatentStream',
    'QualityHook',
    'RoleOptimWrapperConstructor',
    'RoundLogProcessor',
    'SafeCheckpointHook',
    'SampleGridHook',
    'ScheduleHook',
    'StrictRunner',
    'SummaryHook',
]
