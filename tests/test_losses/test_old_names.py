"""Import paths from before losses and modulating functions had folders of their own."""

from ssdkd.losses.layer_inputs import LayerInputs
from ssdkd.losses.layers import BaseLayerLoss
from ssdkd.losses.modulating import ModulatingFunction

import ssdkd.losses
import ssdkd.modulation
from ssdkd.losses.base import BaseDistillationLoss, BaseInversionLoss, InversionState
from ssdkd.registry import BALANCING, MODULATIONS
from ssdkd.testing import check_balancing, check_modulation


def test_old_names_are_the_classes_of_today():
    for component in (
        BaseDistillationLoss, BaseInversionLoss, InversionState, LayerInputs, BaseLayerLoss,
    ):  # fmt: skip
        assert getattr(ssdkd.losses, component.__name__) is component
    assert ModulatingFunction is ssdkd.modulation.ModulatingFunction
    assert ssdkd.losses.BalancingFunction is ssdkd.modulation.BaseModulation
    assert BALANCING is MODULATIONS and check_balancing is check_modulation
