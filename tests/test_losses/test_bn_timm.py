"""Own statistics in, loss about 0: over all families of timm that have batch norm."""

import re

import pytest
import timm
import torch
from own_statistics import remember, size
from torch import nn

import ssdkd  # noqa: F401  (before timm)
from ssdkd.losses import BNStatisticsLoss, InversionState, has_statistics
from ssdkd.registry import MODELS

UNUSED = InversionState(None, None, None, None, None)  # the loss reads only its hooks
FEW = ['repvgg_a0', 'mobileone_s0', 'fastvit_t8', 'levit_128s', 'mobilevit_xxs', 'test_byobnet']
# Of each file of timm 1.0.31 and each beginning of a name (its letters up to the first other
# character) the smallest network with batch norm, and three whose shortcuts stand first.
ALL = """
    halonet_h1 eca_botnext26ts_256 lambda_resnet26t haloregnetz_b botnet26t_256
    sehalonet33ts sebotnet33ts_256 lamhalobotnet50ts_256 halo2botnet50ts_256 test_byobnet
    mobileone_s0 gernet_s repvgg_a0 regnetz_b16 resnext26ts eca_resnext26ts seresnext26ts
    gcresnext26ts bat_resnext26ts resnet32ts seresnet33ts gcresnet33ts convmixer_768_32
    cpubone_nano cs3darknet_focus_s darknet17 cspresnext50 sedarknet21 cspresnet50
    cspdarknet53 darknetaa53 cspnext_tiny densenet121 densenetblur121d dla46x_c dpn48b
    efficientformer_l1 efficientformerv2_s0 test_efficientnet mobilenetv2_035 mnasnet_small
    tinynet_e semnasnet_050 mobilenet_edgetpu_100 mixnet_s tf_mixnet_s spnasnet_100
    efficientnet_lite0 fbnetc_100 efficientnetv2_rw_t gc_efficientnetv2_rw_t efficientvim_m1
    efficientvit_b0 efficientvit_m0 fasternet_t0 fastvit_t8 ghostnet_050 ghostnetv2_100
    ghostnetv3_050 hardcorenas_b hgnetv2_b0 hgnet_tiny hrnet_w18_small iformer_t
    inception_next_atto inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small
    levit_128s lowformer_b0 test_coatnet maxvit_pico_rw_256 coatnet_pico_rw_224
    mobilenetv3_small_050 lcnet_035 tf_mobilenetv3_small_075 fbnetv3_b mobilevit_xxs
    mobilevitv2_050 nasnetalarge nextvit_small pnasnet5large regnetx_002 regnety_002
    regnetz_005 regnetv_040 repghostnet_050 repvit_m1 res2next50 resnest14d test_resnet
    resnet10t resnetblur18 seresnet18 ecaresnext26t_32x4d ecaresnet26t seresnext26t_32x4d
    resnetaa34d resnext50_32x4d seresnetaa50d ecaresnetlight resnetrs50 wide_resnet50_2
    seresnextaa101d_32x8d senet154 resnetv2_18 rexnet_100 rexnetr_100 selecsls42
    legacy_seresnet18 shvit_s1 skresnet18 skresnext50_32x4d starnet_s050 swiftformer_xs
    tiny_vit_5m_224 tresnet_m vgg11_bn visformer_tiny vit_small_resnet50d_s16_224
    volo_d1_224 ese_vovnet19b_slim_dw vovnet39a eca_vovnet39b legacy_xception xception41p
    xception41 xcit_nano_12_p8_224
""".split()


def small_images(network: nn.Module) -> torch.Tensor:
    """As small as the network allows."""
    cfg = network.default_cfg
    native = cfg['input_size'][-1]
    sides = [native] if cfg.get('fixed_input_size') else [64, 128, native]
    for side in sides:
        images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
        try:
            with torch.no_grad():
                network(images)
        except (RuntimeError, ValueError, AssertionError):
            if side == native:
                raise
        else:
            return images


def loss_and_scale(name: str) -> tuple[float, float, set[str]]:
    """The loss of a network's own statistics, their size, and the layers it does not call."""
    torch.manual_seed(0)
    network = MODELS.build(dict(type='timm', name=name)).eval().requires_grad_(False)
    images = small_images(network)
    called = remember(network, images)
    loss = BNStatisticsLoss()
    loss.attach(network)
    network(images)
    every = {n for n, m in network.named_modules() if hasattr(m, 'running_mean')}
    return loss(UNUSED).item(), size(network, called), every - set(called), loss


def check(name: str) -> None:
    value, scale, never_called, loss = loss_and_scale(name)
    assert value < 1e-4 * scale, f'{value:.3g} of {scale:.3g}'
    assert loss._named == never_called


@pytest.mark.parametrize('name', FEW)
def test_own_statistics(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize('name', ALL)
def test_own_statistics_of_every_family(name):
    check(name)


def families() -> dict[tuple[str, str], list[str]]:
    """All networks of timm, by file and beginning of the name."""
    found = {}
    for module in timm.list_modules():
        for name in timm.list_models(module=module):
            found.setdefault((module, re.match('[a-z]+', name)[0]), []).append(name)
    return found


@pytest.mark.slow
def test_the_families_left_out_have_no_batch_norm(capsys):
    """Prints them, and of each the networks that it has looked into, the first and the last."""
    unknown = []
    for (module, beginning), names in families().items():
        if set(names) & set(ALL):
            continue
        ends = sorted({names[0], names[-1]})
        with torch.device('meta'):  # no memory, no weights
            networks = [timm.create_model(name) for name in ends]
        has = [name for name, n in zip(ends, networks) if any(map(has_statistics, n.modules()))]
        unknown += has
        with capsys.disabled():
            text = 'NOT TESTED' if has else 'no batch norm'
            print(f'{module}.py, {beginning}* ({len(names)}): {text} in {", ".join(ends)}')
    assert not unknown, 'add the smallest of the family to ALL'
