"""Modulating functions: the weight of each sample."""

from ssdkd.modulation.base import BaseModulation
from ssdkd.modulation.modulating import ModulatingFunction

BalancingFunction = BaseModulation  # its name before

__all__ = ['BalancingFunction', 'BaseModulation', 'ModulatingFunction']
