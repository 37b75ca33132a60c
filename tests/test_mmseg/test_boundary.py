"""Only ssdkd/mmseg/ knows mmsegmentation."""

import re

import pytest
from helpers import ROOT

PACKAGE = ROOT / 'ssdkd'
# The shims that stand before mmcv, and the list of optional packages.
OUTSIDE = ('compat.py', 'commands/doctor.py')
KNOWS = re.compile(r"""^\s*(import|from) mmseg\b|['"]mmseg['"]""", re.MULTILINE)


@pytest.mark.parametrize(
    'line', ['    import mmseg.datasets', 'from mmseg.registry import X', "x == 'mmseg'"]
)
def test_the_pattern_finds(line):
    assert KNOWS.search(line)


def test_no_other_module_imports_mmseg_or_compares_with_its_name():
    paths = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob('*.py')}
    found = {
        name
        for name, path in paths.items()
        if not name.startswith(('mmseg/', '.mim/')) and KNOWS.search(path.read_text())
    }
    assert found <= set(OUTSIDE)
    assert KNOWS.search(paths['mmseg/networks.py'].read_text())
