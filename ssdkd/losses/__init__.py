"""Inversion losses, distillation terms and balancing functions."""

from ssdkd.losses.adversarial import AdversarialLoss
from ssdkd.losses.base import BaseDistillationLoss, BaseInversionLoss, InversionState
from ssdkd.losses.bn_statistics import BNStatisticsLoss
from ssdkd.losses.class_prior import ClassPriorLoss
from ssdkd.losses.image_prior import L2Loss, TotalVariationLoss
from ssdkd.losses.kl_divergence import KLDivergenceLoss
from ssdkd.losses.modulating import BalancingFunction, ModulatingFunction

__all__ = [
    'AdversarialLoss',
    'BNStatisticsLoss',
    'BalancingFunction',
    'BaseDistillationLoss',
    'BaseInversionLoss',
    'ClassPriorLoss',
    'InversionState',
    'KLDivergenceLoss',
    'L2Loss',
    'ModulatingFunction',
    'TotalVariationLoss',
]
