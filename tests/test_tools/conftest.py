"""What several tests of the commands share."""

import pytest
from helpers import save_teacher

from ssdkd.distillers import ReplayDistiller


@pytest.fixture
def folder(tmp_path):
    """A folder with the teacher of the tiny digits config in it."""
    save_teacher(dict(type='CifarResNet', depth=8), tmp_path / 'teacher.pth', image_size=16)
    return tmp_path


@pytest.fixture
def no_training(monkeypatch):
    """Let a test fail if training begins."""

    def fail(*args, **kwargs):
        raise AssertionError('training had begun')

    monkeypatch.setattr(ReplayDistiller, 'synthesize', fail)
    monkeypatch.setattr(ReplayDistiller, 'train_step', fail)
