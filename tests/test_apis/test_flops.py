import pytest
import torch
from helpers import DIGITS
from mmengine.config import Config
from torch import nn

from ssdkd.apis.flops import costs, count, table

pytest.importorskip('fvcore')


def test_counts_are_those_by_hand():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),  # 16 x 16 x 8 outputs of 27 products
        nn.ReLU(),
        nn.Conv2d(8, 4, 3, stride=2, padding=1, bias=False),  # 8 x 8 x 4 outputs of 72
        nn.Flatten(),
        nn.Linear(256, 10),  # 10 outputs of 256
    )
    cost = count(network, (torch.zeros(1, 3, 16, 16),))
    assert cost.flops == 16 * 16 * 8 * 27 + 8 * 8 * 4 * 72 + 10 * 256
    assert cost.activations == 16 * 16 * 8 + 8 * 8 * 4 + 10
    assert cost.parameters == 8 * 27 + 4 * 72 + 256 * 10 + 10


def test_costs_of_a_config():
    cfg = Config.fromfile(DIGITS)
    found = costs(cfg, (32, 32))
    assert set(found) == {'teacher', 'student', 'generator'}
    # CifarResNet of depth 8, by hand: the stem and three stages of one block.
    convolutions = 32 * 32 * 16 * 27
    for channels, side, before in ((16, 32, 16), (32, 16, 16), (64, 8, 32)):
        convolutions += side * side * channels * 9 * (before + channels)
    norms = found['student'].flops - convolutions - 64 * 10
    assert 0 <= norms < 0.05 * convolutions
    text = table(found)
    share = 100 * found['student'].parameters / found['teacher'].parameters
    assert f'student / teacher  {share:.1f} %' in ' '.join(
        text.split('\n')[-1].split()
    ).replace('teacher ', 'teacher  ')
    cfg.model.synthesizer = dict(type='NoiseSynthesizer', image_size=32, batch_size=4)
    assert set(costs(cfg, (32, 32))) == {'teacher', 'student'}
