"""Files that are either whole or not there; see test_full_disk.py for who writes so."""

import os
import re

import pytest
from helpers import ROOT

from ssdkd.atomic import whole_folder, write_whole

# Of files that grow line by line, a lock, a new plugin, and what a whole folder is made of.
DIRECT = {
    'ssdkd/benchmark/cells.py': 1,
    'ssdkd/benchmark/cluster.py': 2,
    'ssdkd/benchmark/run.py': 1,
    'ssdkd/export/samples.py': 2,
    'ssdkd/atomic.py': 2,
    'ssdkd/runs/round_log.py': 1,
    'ssdkd/commands/new_plugin.py': 1,
    'ssdkd/datasets/convert_camvid.py': 1,
}
WRITES = re.compile(r"\.write_(text|bytes)\(|open\([^)]*'[aw]b?'|savefig\((path|out)|\.dump\(")


def test_makes_folders_and_replaces(tmp_path):
    path = tmp_path / 'a/b.txt'
    write_whole(path, 'old')
    write_whole(path, b'new')
    assert path.read_bytes() == b'new'
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_one(tmp_path):
    (tmp_path / 'target').write_text('old')
    (tmp_path / 'link').symlink_to('target')
    write_whole(tmp_path / 'link', 'new')
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'target').read_text() == 'new'


def test_a_device_is_not_replaced(tmp_path):
    reader, writer = os.pipe()
    write_whole(f'/dev/fd/{writer}', 'through')
    assert os.read(reader, 10) == b'through'
    os.close(reader)
    os.close(writer)


def test_a_folder_is_whole_or_absent(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / 'out') as folder:
        (folder / 'half').touch()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    (tmp_path / 'out').mkdir()
    with whole_folder(tmp_path / 'out') as folder:
        (folder / 'file').touch()
    assert [p.name for p in tmp_path.rglob('*')] == ['out', 'file']


def test_all_that_is_written_is_written_whole():
    """Who writes otherwise is named above, with the reason."""
    found = {}
    for folder in ('ssdkd', 'tools'):
        for path in sorted((ROOT / folder).rglob('*.py')):
            n = len(WRITES.findall(path.read_text()))
            found |= {str(path.relative_to(ROOT)): n} if n else {}
    assert found == DIRECT
