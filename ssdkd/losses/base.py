"""Base classes of losses, at their earlier import path."""

from ssdkd.losses.distillation.base import BaseDistillationLoss
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState

__all__ = ['BaseDistillationLoss', 'BaseInversionLoss', 'InversionState']
