"""Counts, times and sizes as a person would write them."""

import pytest

from ssdkd.words import byte_size, count, duration


@pytest.mark.parametrize(
    'number, noun, text',
    [
        (1, 'round', '1 round'),
        (2, 'round', '2 rounds'),
        (0, 'process', '0 processes'),
        (12345, 'sample', '12,345 samples'),
    ],
)
def test_count(number, noun, text):
    assert count(number, noun) == text


@pytest.mark.parametrize(
    'seconds, text',
    [(0.04, '0.0 s'), (9.94, '9.9 s'), (9.96, '10 s'), (119, '119 s'), (119.6, '2 min'),
     (3600, '60 min'), (7200, '2.0 h'), (90_000, '25.0 h')],
)  # fmt: skip
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    'n_bytes, text', [(512, '0.5 KiB'), (3 * 2**20, '3 MiB'), (1.5 * 2**30, '1.5 GiB')]
)
def test_byte_size(n_bytes, text):
    assert byte_size(n_bytes) == text
