"""Renamed keys: an old name works wherever the new one does."""

import pytest
import torch
from helpers import DIGITS

from ssdkd.config.read import read_config
from ssdkd.registry import SYNTHESIZERS
from ssdkd.synthesizers import BaseSynthesizer
from ssdkd.testing import check_synthesizer

OLD_FILE = f"""_base_ = '{DIGITS}'
model = dict(balancing=dict({{}}))
"""


@pytest.mark.parametrize(
    'file, options, expected',
    [
        ({'gamma': 2.0}, {}, {'gamma': 2.0, 'temperature': 4.0}),
        ({}, {'model.balancing.gamma': 3.0}, {'gamma': 3.0, 'temperature': 4.0}),
        # Options go before the file, whatever either is called by.
        ({'gamma': 2.0}, {'model.modulation.gamma': 3.0}, {'gamma': 3.0, 'temperature': 4.0}),
        ({'gamma': 2.0}, {'model.balancing.gamma': 3.0}, {'gamma': 3.0, 'temperature': 4.0}),
        ({'_delete_': True, 'type': 'ModulatingFunction'}, {}, {}),
    ],
)
def test_balancing_is_modulation(tmp_path, file, options, expected):
    path = tmp_path / 'old.py'
    path.write_text(OLD_FILE.format(', '.join(f'{k}={v!r}' for k, v in file.items())))
    cfg = read_config(str(path), options)
    assert 'balancing' not in cfg.model
    assert cfg.model.modulation == dict(type='ModulatingFunction') | expected


@pytest.mark.parametrize(
    'file, options, expected',
    [
        ({'samples': 8}, {}, 8),
        ({'batch_size': 8}, {}, 8),
        ({'samples': 8}, {'model.synthesizer.batch_size': 4}, 4),
        ({'batch_size': 8}, {'model.synthesizer.samples': 4}, 4),
    ],
)
def test_samples_per_round_were_a_batch_size_where_nothing_is_optimised(
    tmp_path, file, options, expected
):
    arguments = dict(_delete_=True, type='NoiseSynthesizer', image_size=16) | file
    path = tmp_path / 'old.py'
    path.write_text(f"_base_ = '{DIGITS}'\nmodel = dict(synthesizer={arguments!r})\n")
    synthesizer = read_config(str(path), options).model.synthesizer
    assert synthesizer == dict(type='NoiseSynthesizer', image_size=16, samples=expected)
    built = SYNTHESIZERS.build({k: v for k, v in arguments.items() if k != '_delete_'})
    assert built.samples == 8


class OldSynthesizer(BaseSynthesizer):
    """As plugins were written before ``samples``."""

    def __init__(self):
        super().__init__()
        self.image_size, self.batch_size = (8, 8), 4

    def synthesize(self, context):
        shape = self.batch_size, 3, *self.image_size
        return dict(image=torch.rand(shape, generator=context.rng)), {}


def test_a_synthesizer_that_knows_only_its_batch_size():
    check_synthesizer(OldSynthesizer)
    assert OldSynthesizer().samples == 4
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = OldSynthesizer().other
