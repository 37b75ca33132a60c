"""What the commands in tools/ share."""

from ssdkd.apis.check import check_data
from ssdkd.apis.command import command, load_config
from ssdkd.apis.networks import build_network, check_distils, network_config, sample_size

__all__ = [
    'build_network',
    'check_data',
    'check_distils',
    'command',
    'load_config',
    'network_config',
    'sample_size',
]
