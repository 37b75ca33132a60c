"""Rounds of every method and every shipped config on a pretend device: where the host waits."""

from pathlib import Path

import pytest
import torch
from helpers import unregistered
from mmengine.config import Config
from pretend_device import CAN_PRETEND
from small_configs import BASELINES, CLS, PEERS, SEG, small, small_baseline, small_peer
from watched import check_waits, documented, name_of

from ssdkd.losses import InformationEntropyLoss, KLDivergenceLoss
from ssdkd.registry import LOSSES

pytestmark = pytest.mark.skipif(not CAN_PRETEND, reason='this torch has no Python backends')

METHODS = [path for path in PEERS if path.stem.startswith('digits')]
DIGITS = next(path for path in CLS if path.stem.startswith('digits'))
# The other pairs of networks take minutes together.
OTHERS = [path for path in CLS + PEERS if path not in (*METHODS, DIGITS)]
IMAGENET = [path for path in CLS if path.stem.startswith('imagenet')]


def tiny(path: Path, folder: Path) -> Config:
    if path in BASELINES:
        return small_baseline(path, folder)
    return (small if path in CLS + SEG else small_peer)(path, folder)


@pytest.mark.parametrize('path', [DIGITS, *METHODS, IMAGENET[-1]], ids=name_of)
def test_classification(path, tmp_path, monkeypatch):
    check_waits(tiny(path, tmp_path), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize('path', [p for p in OTHERS if p != IMAGENET[-1]], ids=name_of)
def test_other_pairs(path, tmp_path, monkeypatch):
    check_waits(tiny(path, tmp_path), monkeypatch)


@pytest.mark.parametrize(
    'path',
    [pytest.param(p, marks=pytest.mark.slow) for p in BASELINES]
    + [pytest.param(p, marks=() if 'camvid' in p.stem else pytest.mark.slow) for p in SEG],
    ids=name_of,
)
def test_segmentation(path, tmp_path, monkeypatch):
    cfg = tiny(path, tmp_path)
    cfg.model.autocast = None  # test_autocast has it, which takes a CPU three times as long
    check_waits(cfg, monkeypatch)


@pytest.mark.parametrize('path', [DIGITS, METHODS[0]], ids=name_of)
def test_autocast(path, tmp_path, monkeypatch):
    cfg = tiny(path, tmp_path)
    cfg.model.autocast = 'bfloat16'
    check_waits(cfg, monkeypatch)


def test_the_table_has_all_rows():
    assert len(documented()) == 11 and sum(documented().values()) == 14


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


@pytest.mark.parametrize(
    ('step', 'read'),
    [('student', read) for read in READS] + [('inversion', 'item'), ('inversion', 'mask')],
)
def test_a_component_that_waits_is_seen(step, read, tmp_path, monkeypatch):
    """What anyone may write who adds a loss: the counts above must not stay as they are."""
    cfg = tiny(DIGITS, tmp_path)
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
    cfg = tiny(DIGITS, tmp_path)
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
