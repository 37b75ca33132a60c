"""Renamed keys: an old name works wherever the new one does."""

import pytest
from helpers import DIGITS

from ssdkd.config.read import read_config

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
