"""Distillers: the contract, and the distiller of all shipped methods."""

from ssdkd.distillers.base import BaseDistiller, Role
from ssdkd.distillers.parts import build_part
from ssdkd.distillers.replay import ReplayDistiller

__all__ = ['BaseDistiller', 'ReplayDistiller', 'Role', 'build_part']
