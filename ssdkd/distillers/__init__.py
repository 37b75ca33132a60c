"""The algorithm: the contract of a distiller, and the one that all methods use."""

from ssdkd.distillers.base import BaseDistiller, Role
from ssdkd.distillers.parts import build_part
from ssdkd.distillers.replay import ReplayDistiller

__all__ = ['BaseDistiller', 'ReplayDistiller', 'Role', 'build_part']
