"""Inversion losses, which a synthesizer minimises."""

from ssdkd.losses.inversion.activation import ActivationLoss
from ssdkd.losses.inversion.adversarial import AdversarialL1Loss, AdversarialLoss
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.losses.inversion.bn_statistics import BNStatisticsLoss, has_statistics
from ssdkd.losses.inversion.class_prior import ClassPriorLoss
from ssdkd.losses.inversion.image_prior import (
    L2Loss,
    TotalVariationLoss,
    TotalVariationTargetLoss,
)
from ssdkd.losses.inversion.information_entropy import InformationEntropyLoss
from ssdkd.losses.inversion.js_competition import JSCompetitionLoss
from ssdkd.losses.inversion.patch_similarity import PatchSimilarityLoss, has_other_norms
from ssdkd.losses.inversion.pseudo_label import PseudoLabelLoss

__all__ = [
    'ActivationLoss',
    'AdversarialL1Loss',
    'AdversarialLoss',
    'BNStatisticsLoss',
    'BaseInversionLoss',
    'ClassPriorLoss',
    'InformationEntropyLoss',
    'InversionState',
    'JSCompetitionLoss',
    'L2Loss',
    'PatchSimilarityLoss',
    'PseudoLabelLoss',
    'TotalVariationLoss',
    'TotalVariationTargetLoss',
    'has_other_norms',
    'has_statistics',
]
