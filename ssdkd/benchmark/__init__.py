"""Benchmarks: methods x seeds under an equal budget, as tools/benchmark.py runs them."""

from ssdkd.benchmark.cells import Cell, Trainer
from ssdkd.benchmark.plan import PlanFile, planned_config
from ssdkd.benchmark.report import write_report
from ssdkd.benchmark.run import Benchmark, locked, make_cells
from ssdkd.benchmark.spec import Method, Spec, make_spec, method_config, read_spec, read_specs

__all__ = [
    'Benchmark',
    'Cell',
    'Method',
    'PlanFile',
    'Spec',
    'Trainer',
    'locked',
    'make_cells',
    'make_spec',
    'method_config',
    'planned_config',
    'read_spec',
    'read_specs',
    'write_report',
]
