"""Distillation losses, which the student minimises."""

from ssdkd.losses.distillation.attention_transfer import AttentionTransferLoss
from ssdkd.losses.distillation.base import BaseDistillationLoss
from ssdkd.losses.distillation.feature_matching import FeatureMatchingLoss
from ssdkd.losses.distillation.kl_divergence import KLDivergenceLoss
from ssdkd.losses.distillation.l1_logit import L1LogitLoss
from ssdkd.losses.distillation.layers import BaseLayerLoss

__all__ = [
    'AttentionTransferLoss',
    'BaseDistillationLoss',
    'BaseLayerLoss',
    'FeatureMatchingLoss',
    'KLDivergenceLoss',
    'L1LogitLoss',
]
