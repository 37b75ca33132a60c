"""The walks through the code pass files and classes that are there."""

import re

from helpers import ROOT

TEXT = (ROOT / 'docs/architecture.md').read_text()


def test_files_and_folders_are_there():
    names = re.findall(r'`([\w/]+(?:\.py|/))`', TEXT)
    assert len(names) > 40
    assert not [name for name in names if not (ROOT / 'ssdkd' / name).exists()]


def test_names_are_in_the_code():
    code = '\n'.join(path.read_text() for path in (ROOT / 'ssdkd').rglob('*.py'))
    names = re.findall(r'`(?:\w+\.)?(\w+)`', TEXT)
    assert len(names) > 40
    assert not [name for name in names if not re.search(rf'\b{name}\b', code)]


def test_a_folder_is_a_row_or_is_passed():
    folders = {p.parent.name for p in (ROOT / 'ssdkd').glob('*/__init__.py')}
    assert not [name for name in folders - {'testing'} if f'{name}/' not in TEXT]
