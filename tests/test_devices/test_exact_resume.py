"""A resumed run on a device that rounds otherwise than the CPU repeats the whole one."""

import pytest
from device_runs import check_exact
from pretend_device import CAN_PRETEND, pretend_device
from small_configs import CONFIGS, PEERS, small, small_peer

pytestmark = pytest.mark.skipif(not CAN_PRETEND, reason='this torch has no Python backends')

DIGITS = CONFIGS / 'cls/digits_resnet20_resnet8_ssdkd.py'
FEW = ('ssdkd',)


@pytest.mark.parametrize(
    'method',
    [pytest.param(m, marks=() if m in FEW else pytest.mark.slow) for m in ('ssdkd', *PEERS)],
)
def test_it_repeats_the_whole_run(method, tmp_path):
    """What is computed before the first round, on the CPU, must be so after a resume too."""
    cfg = small(DIGITS, tmp_path) if method == 'ssdkd' else small_peer(method, tmp_path)
    with pretend_device(rounding=1e-4):
        check_exact(cfg)
