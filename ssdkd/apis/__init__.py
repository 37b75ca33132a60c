"""Distillation as a function, and what the commands share."""

from ssdkd.apis.check import check_data
from ssdkd.apis.distill import distill
from ssdkd.apis.load import load_config, resumable
from ssdkd.apis.networks import build_network, check_distils, network_config, sample_size
from ssdkd.apis.recommended import recommended
from ssdkd.apis.result import DistillResult
from ssdkd.apis.sets import check_sets
from ssdkd.commands.ending import command

__all__ = [
    'DistillResult',
    'build_network',
    'check_data',
    'check_distils',
    'check_sets',
    'command',
    'distill',
    'load_config',
    'network_config',
    'recommended',
    'resumable',
    'sample_size',
]
