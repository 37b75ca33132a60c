"""Inversion losses, distillation terms and balancing functions."""

from ssdkd.losses.activation import ActivationLoss
from ssdkd.losses.adversarial import AdversarialLoss
from ssdkd.losses.attention_transfer import AttentionTransferLoss
from ssdkd.losses.base import BaseDistillationLoss, BaseInversionLoss, InversionState
from ssdkd.losses.bn_statistics import BNStatisticsLoss, has_statistics
from ssdkd.losses.class_prior import ClassPriorLoss
from ssdkd.losses.feature_matching import FeatureMatchingLoss
from ssdkd.losses.image_prior import L2Loss, TotalVariationLoss
from ssdkd.losses.information_entropy import InformationEntropyLoss
from ssdkd.losses.js_competition import JSCompetitionLoss
from ssdkd.losses.kl_divergence import KLDivergenceLoss
from ssdkd.losses.l1_logit import AdversarialL1Loss, L1LogitLoss
from ssdkd.losses.layer_inputs import LayerInputs
from ssdkd.losses.layers import BaseLayerLoss
from ssdkd.losses.modulating import BalancingFunction, ModulatingFunction
from ssdkd.losses.pseudo_label import PseudoLabelLoss

__all__ = [
    'ActivationLoss',
    'AdversarialL1Loss',
    'AdversarialLoss',
    'AttentionTransferLoss',
    'BNStatisticsLoss',
    'BalancingFunction',
    'BaseDistillationLoss',
    'BaseInversionLoss',
    'BaseLayerLoss',
    'ClassPriorLoss',
    'FeatureMatchingLoss',
    'InformationEntropyLoss',
    'InversionState',
    'JSCompetitionLoss',
    'KLDivergenceLoss',
    'L1LogitLoss',
    'L2Loss',
    'LayerInputs',
    'ModulatingFunction',
    'PseudoLabelLoss',
    'TotalVariationLoss',
    'has_statistics',
]
