"""Inversion losses and balancing functions."""

from ssdkd.losses.adversarial import AdversarialLoss
from ssdkd.losses.base import BaseInversionLoss, InversionState
from ssdkd.losses.bn_statistics import BNStatisticsLoss
from ssdkd.losses.class_prior import ClassPriorLoss
from ssdkd.losses.image_prior import L2Loss, TotalVariationLoss
from ssdkd.losses.modulating import BalancingFunction, ModulatingFunction

__all__ = [
    'AdversarialLoss',
    'BNStatisticsLoss',
    'BalancingFunction',
    'BaseInversionLoss',
    'ClassPriorLoss',
    'InversionState',
    'L2Loss',
    'ModulatingFunction',
    'TotalVariationLoss',
]
