"""The shims: nothing on a healthy machine, no more than needed elsewhere."""

import importlib.util
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import environment
from mmengine.logging import HistoryBuffer

from ssdkd import compat


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment(), text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_installing_again_changes_nothing():
    before = set(sys.modules)
    operators = sys.modules.get('mmcv._ext')
    globals_before = len(torch.serialization.get_safe_globals())
    compat.install()
    compat.install()
    assert set(sys.modules) == before
    assert sys.modules.get('mmcv._ext') is operators
    # A set of allowed objects; at most the renewed stand-in for getattr is added.
    assert len(torch.serialization.get_safe_globals()) <= globals_before + 2


def test_torchvision_can_be_imported_after_ssdkd():
    code = 'import ssdkd, torchvision; from torchvision import models, transforms; print("ok")'
    assert python(code).strip() == 'ok'


def test_torchvision_that_imports_is_left_alone():
    # By now it has been imported, whether by its own strength or ours.
    import torchvision

    assert compat.declare_torchvision_ops() is False
    assert sys.modules['torchvision'] is torchvision


def test_other_errors_of_torchvision_are_not_swallowed(monkeypatch):
    def broken(name):
        raise RuntimeError('something else')

    monkeypatch.setattr(compat.importlib, 'import_module', broken)
    with pytest.raises(RuntimeError, match='something else'):
        compat.declare_torchvision_ops()


def test_absent_libraries_are_no_error(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert compat.declare_torchvision_ops() is False
    assert compat.stand_in_for_mmcv_ops() is False


def fake_mmcv(monkeypatch, folder):
    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name: SimpleNamespace(origin=str(folder / '__init__.py')),
    )


def test_full_mmcv_is_left_alone(monkeypatch, tmp_path):
    (tmp_path / '_ext.cpython-311.so').touch()
    fake_mmcv(monkeypatch, tmp_path)
    assert compat.stand_in_for_mmcv_ops() is False
    assert 'mmcv._ext' not in sys.modules


def test_mmcv_lite_gets_a_stand_in(monkeypatch, tmp_path):
    fake_mmcv(monkeypatch, tmp_path)
    assert compat.stand_in_for_mmcv_ops() is True
    module = sys.modules['mmcv._ext']
    with pytest.raises(RuntimeError, match='mmcv.ops.nms needs the compiled operators'):
        module.nms(1, 2)
    assert not hasattr(module, '__path__')
    assert compat.stand_in_for_mmcv_ops() is False
    monkeypatch.delitem(sys.modules, 'mmcv._ext')


def test_histories_of_mmengine_load(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    torch.save(dict(history=history, number=np.float64(3)), tmp_path / 'a.pth')
    loaded = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert loaded['history'].mean() == 1.5 and loaded['number'] == 3


class Foreign:
    """What a malicious checkpoint looks like."""

    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    'payload',
    [
        Foreign(os.system, 'touch owned'),
        Foreign(eval, '__import__("os").system("touch owned")'),
        Foreign(getattr, HistoryBuffer, '__init__'),
        Foreign(__import__, 'os'),
    ],
    ids=['system', 'eval', 'getattr', 'import'],
)
def test_foreign_code_is_refused(tmp_path, monkeypatch, payload):
    monkeypatch.chdir(tmp_path)
    torch.save(payload, 'a.pth')
    with pytest.raises(Exception, match='(?i)unsupported|refused|weights_only|Weights only'):
        torch.load('a.pth', weights_only=True)
    assert not os.path.exists('owned')
