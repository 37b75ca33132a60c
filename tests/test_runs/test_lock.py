"""Two runs in one folder exclude each other, and a killed one leaves no lock."""

import os
import signal
import subprocess
import sys

import pytest

from ssdkd.errors import ConfigError
from ssdkd.runs import locked
from ssdkd.runs.launchers import VARIABLES

# Holds the folder, with a child that outlives it, as a data loader's worker may.
HOLD = """
import multiprocessing, sys, time
import ssdkd
from ssdkd.runs import locked
with locked(sys.argv[1]):
    child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))
    child.start()
    print(child.pid, flush=True)
    time.sleep(60)
"""


def test_a_lock_excludes_others_and_dies_with_its_process(tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    child = int(process.stdout.readline())
    try:
        with pytest.raises(ConfigError, match=rf'another run \(process {process.pid} on'):
            with locked(tmp_path):
                pass
        process.kill()
        process.wait()
        with locked(tmp_path):
            assert str(os.getpid()) in (tmp_path / '.lock').read_text()
    finally:
        process.kill()
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize('launcher', VARIABLES)
def test_only_the_first_process_of_a_launcher_locks(tmp_path, monkeypatch, launcher):
    monkeypatch.setenv(VARIABLES[launcher][0], '1')
    with locked(tmp_path / 'run', launcher=launcher):
        assert not (tmp_path / 'run').exists()
    with locked(tmp_path / 'run'):  # many runs may be tasks of one job
        assert (tmp_path / 'run/.lock').exists()


def test_leftovers_of_a_killed_writer_go(tmp_path):
    (tmp_path / '.round_9.pth.4711.tmp').write_bytes(b'half a checkp')
    (tmp_path / 'round_8.pth').write_bytes(b'whole')
    (tmp_path / '.hidden').write_bytes(b'of the user')
    with locked(tmp_path):
        assert {p.name for p in tmp_path.iterdir()} == {'.lock', 'round_8.pth', '.hidden'}


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='cannot be written .*choose another --work-dir'):
        with locked(tmp_path / 'file/run'):
            pass
