"""Benchmarks: methods x seeds under an equal budget, as tools/benchmark.py runs them."""

from ssdkd.benchmark.cells import Cell, Trainer
from ssdkd.benchmark.plan import Plan, PlanFile
from ssdkd.benchmark.report import write_report
from ssdkd.benchmark.run import Benchmark, locked, make_cells
from ssdkd.benchmark.spec import Method, Spec, make_spec, method_config, read_spec

__all__ = [
    'Benchmark',
    'Cell',
    'Method',
    'Plan',
    'PlanFile',
    'Spec',
    'Trainer',
    'locked',
    'make_cells',
    'make_spec',
    'method_config',
    'read_spec',
    'write_report',
]
