"""The modulating function: how much each sample counts."""

from ssdkd.modulation.base import BaseModulation
from ssdkd.modulation.modulating import ModulatingFunction

BalancingFunction = BaseModulation  # its name before

__all__ = ['BalancingFunction', 'BaseModulation', 'ModulatingFunction']
