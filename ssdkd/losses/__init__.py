"""Losses: of inversion, and of distillation."""

from ssdkd.losses.distillation import (
    AttentionTransferLoss,
    BaseDistillationLoss,
    BaseLayerLoss,
    FeatureMatchingLoss,
    KLDivergenceLoss,
    L1LogitLoss,
)
from ssdkd.losses.inversion import (
    ActivationLoss,
    AdversarialL1Loss,
    AdversarialLoss,
    BaseInversionLoss,
    BNStatisticsLoss,
    ClassPriorLoss,
    InformationEntropyLoss,
    InversionState,
    JSCompetitionLoss,
    L2Loss,
    PseudoLabelLoss,
    TotalVariationLoss,
    has_statistics,
)

# Names that were here before.
from ssdkd.models.layer_inputs import LayerInputs
from ssdkd.modulation import BalancingFunction, ModulatingFunction

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
