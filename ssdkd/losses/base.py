"""The contracts of losses, at the import path that they had before."""

from ssdkd.losses.distillation.base import BaseDistillationLoss
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState

__all__ = ['BaseDistillationLoss', 'BaseInversionLoss', 'InversionState']
