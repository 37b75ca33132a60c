"""Two runs in one folder exclude each other, and a killed one leaves no lock."""

import fcntl
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


def test_the_file_goes_at_the_end_and_after_a_failure(tmp_path):
    with locked(tmp_path):
        pass
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_file_that_another_run_has_just_removed_is_no_lock(tmp_path, monkeypatch):
    """One that was opened before the removal and is locked after it."""
    lockf, meanwhile = fcntl.lockf, []

    def late(file, how):
        if not meanwhile:
            meanwhile.append(os.fstat(file.fileno()).st_ino)
            (tmp_path / '.lock').unlink()  # as the run that ends now does
            (tmp_path / '.lock').write_text('of a third run')
        lockf(file, how)

    monkeypatch.setattr(fcntl, 'lockf', late)
    with locked(tmp_path):
        assert (tmp_path / '.lock').stat().st_ino != meanwhile[0]
        assert str(os.getpid()) in (tmp_path / '.lock').read_text()
