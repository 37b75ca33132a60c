"""Inversion losses and distillation losses."""

import sys

from ssdkd.losses.distillation import (
    AttentionTransferLoss,
    BaseDistillationLoss,
    BaseLayerLoss,
    FeatureMatchingLoss,
    KLDivergenceLoss,
    L1LogitLoss,
    layers,
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
    PatchSimilarityLoss,
    PseudoLabelLoss,
    TotalVariationLoss,
    TotalVariationTargetLoss,
    activation,
    bn_statistics,
    has_other_norms,
    has_statistics,
)

# Names that were here before.
from ssdkd.models import layer_inputs
from ssdkd.models.layer_inputs import LayerInputs
from ssdkd.modulation import BalancingFunction, ModulatingFunction, modulating

# Modules that were here before, for plugins that import from them.
for _module in (activation, bn_statistics, layer_inputs, layers, modulating):
    sys.modules[f'{__name__}.{_module.__name__.rpartition(".")[2]}'] = _module

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
    'PatchSimilarityLoss',
    'PseudoLabelLoss',
    'TotalVariationLoss',
    'TotalVariationTargetLoss',
    'has_other_norms',
    'has_statistics',
]
