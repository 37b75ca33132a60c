"""A work directory in which no run has begun is removed with an error of the config."""

import pytest

from ssdkd.errors import ConfigError
from ssdkd.runs import removed_if_unused


def fail(work_dir, file=None, error=ConfigError):
    with pytest.raises(error), removed_if_unused(work_dir):
        work_dir.mkdir(parents=True, exist_ok=True)
        (work_dir / 'config.py').touch()
        if file is not None:
            (work_dir / file).write_text('{"round": 1}\n')
        raise error('wrong')


def test_new_folders_are_removed(tmp_path):
    fail(tmp_path / 'work_dirs/run')
    assert not list(tmp_path.iterdir())
    (tmp_path / 'work_dirs/other').mkdir(parents=True)
    fail(tmp_path / 'work_dirs/run')
    assert [path.name for path in tmp_path.rglob('*')] == ['work_dirs', 'other']


@pytest.mark.parametrize('file', ['rounds.jsonl', 'round_5.pth', 'epoch_1.pth'])
def test_what_a_run_has_written_stays(tmp_path, file):
    fail(tmp_path / 'run', file)
    assert (tmp_path / 'run' / file).exists()


def test_what_was_there_before_stays(tmp_path):
    (tmp_path / 'run').mkdir()
    fail(tmp_path / 'run')
    assert (tmp_path / 'run/config.py').exists()


def test_other_errors_leave_the_log(tmp_path):
    fail(tmp_path / 'run', error=RuntimeError)
    assert (tmp_path / 'run/config.py').exists()
