"""What the commands in tools/ share."""

from ssdkd.apis.check import check_data
from ssdkd.apis.command import command, load_config

__all__ = ['check_data', 'command', 'load_config']
