"""Rounds of every method and every shipped config on a pretend device: where the host waits."""

import pytest
import torch
from helpers import unregistered
from pretend_device import CAN_PRETEND
from small_configs import (
    CLS,
    COMPOSED,
    CONTROLS,
    DIGITS_PAIR,
    PEERS,
    SEG,
    small,
    small_control,
    small_peer,
)
from watched import check_waits, documented, name_of

from ssdkd.losses import InformationEntropyLoss, KLDivergenceLoss
from ssdkd.registry import LOSSES

pytestmark = pytest.mark.skipif(not CAN_PRETEND, reason='this torch has no Python backends')

DIGITS = next(path for path in CLS if path.stem.startswith('digits'))
IMAGENET = [path for path in CLS if path.stem.startswith('imagenet')]
# The other pairs of networks take minutes together.
OTHERS = [path for path in CLS if path not in (DIGITS, IMAGENET[-1])]
OTHER_PAIRS = [cell for cell in COMPOSED if cell[0] != DIGITS_PAIR and cell[1] != 'ssdkd']


@pytest.mark.parametrize(
    'path', [DIGITS, pytest.param(IMAGENET[-1], marks=pytest.mark.slow)], ids=name_of
)
def test_classification(path, tmp_path, monkeypatch):
    check_waits(small(path, tmp_path), monkeypatch)


@pytest.mark.parametrize('method', PEERS)
def test_methods(method, tmp_path, monkeypatch):
    check_waits(small_peer(method, tmp_path), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize('path', OTHERS, ids=name_of)
def test_other_configs(path, tmp_path, monkeypatch):
    check_waits(small(path, tmp_path), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(('pair', 'method'), OTHER_PAIRS)
def test_other_pairs(pair, method, tmp_path, monkeypatch):
    check_waits(small_peer(method, tmp_path, pair), monkeypatch)


@pytest.mark.parametrize(
    'path',
    [pytest.param(p, marks=() if 'camvid' in p.stem else pytest.mark.slow) for p in SEG],
    ids=name_of,
)
def test_segmentation(path, tmp_path, monkeypatch):
    cfg = small(path, tmp_path)
    cfg.model.autocast = None  # test_autocast has it, which takes a CPU three times as long
    check_waits(cfg, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize('control', CONTROLS)
def test_controls_of_segmentation(control, tmp_path, monkeypatch):
    check_waits(small_control(control, tmp_path), monkeypatch)


@pytest.mark.parametrize('method', ['ssdkd', PEERS[0]])
def test_autocast(method, tmp_path, monkeypatch):
    peer = method != 'ssdkd'
    cfg = small_peer(method, tmp_path) if peer else small(DIGITS, tmp_path)
    cfg.model.autocast = 'bfloat16'
    check_waits(cfg, monkeypatch)


def test_the_table_has_all_rows():
    assert len(documented()) == 10 and sum(documented().values()) == 13


READS = {
    'item': lambda x: x + 0 * x.max().item(),
    'float': lambda x: x + 0 * float(x.mean()),
    'cpu': lambda x: x + 0 * x.detach().cpu().mean(),
    'mask': lambda x: x + 0 * x[x == x].mean(),
    'nonzero': lambda x: x + 0 * len(x.nonzero()),
    'unique': lambda x: x + 0 * len(x.detach().unique()),
    'bincount': lambda x: x + 0 * x.detach().flatten().long().clamp(0, 1).bincount().sum(),
    'if': lambda x: x if (x == x).all() else -x,
    'tolist': lambda x: x + 0 * sum(x.flatten().tolist()),
    'upload': lambda x: x + torch.tensor(0.0).to(x.device),
}


FEW = ('item', 'cpu', 'mask', 'upload')  # one of each kind


@pytest.mark.parametrize(
    ('step', 'read'),
    [pytest.param('student', r, marks=[pytest.mark.slow] * (r not in FEW)) for r in READS]
    + [('inversion', 'item')],
)
def test_a_component_that_waits_is_seen(step, read, tmp_path, monkeypatch):
    """What anyone may write who adds a loss: the counts above must not stay as they are."""
    cfg = small(DIGITS, tmp_path)
    with unregistered():
        base = KLDivergenceLoss if step == 'student' else InformationEntropyLoss

        @LOSSES.register_module()
        class Waiting(base):
            def forward(self, *args):
                return READS[read](super().forward(*args))

        if step == 'student':
            cfg.model.distillation.kl.type = 'Waiting'
        else:
            cfg.model.synthesizer.losses.waiting = dict(type='Waiting')
        with pytest.raises(AssertionError, match='test_rounds.py'):
            check_waits(cfg, monkeypatch)


@pytest.mark.parametrize('step', ['student', 'inversion'])
def test_a_component_that_mixes_devices_is_refused(step, tmp_path, monkeypatch):
    cfg = small(DIGITS, tmp_path)
    with unregistered():
        base = KLDivergenceLoss if step == 'student' else InformationEntropyLoss

        @LOSSES.register_module()
        class Elsewhere(base):
            def forward(self, *args):
                return super().forward(*args) * torch.ones(1)

        if step == 'student':
            cfg.model.distillation.kl.type = 'Elsewhere'
        else:
            cfg.model.synthesizer.losses.elsewhere = dict(type='Elsewhere')
        with pytest.raises(RuntimeError, match='same device'):
            check_waits(cfg, monkeypatch)
