"""What the commands in tools/ share."""

from ssdkd.apis.command import command, load_config

__all__ = ['command', 'load_config']
