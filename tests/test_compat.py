"""The shims: nothing on a healthy machine, no more than needed elsewhere."""

import functools
import http.server
import importlib.util
import os
import re
import subprocess
import sys
import threading
from types import SimpleNamespace
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from helpers import environment
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from torchvision.models import ResNet18_Weights

from ssdkd import compat
from ssdkd.errors import ConfigError
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.registry import MODELS


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
    assert len(torch.serialization.get_safe_globals()) == globals_before
    assert compat.keep_code_out_of_mmengine() is False


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
    loaded = read_checkpoint(tmp_path / 'a.pth')
    assert loaded['history'].mean() == 1.5 and loaded['number'] == 3


def allows_getattr() -> bool:
    return 'getattr' in str(torch.serialization.get_safe_globals())


def test_getattr_is_refused_outside_of_our_reading(tmp_path):
    torch.save(HistoryBuffer([1.0], [1]), tmp_path / 'a.pth')
    read_checkpoint(tmp_path / 'a.pth')
    assert not any(
        'getattr' in str(allowed) for allowed in torch.serialization.get_safe_globals()
    )
    with pytest.raises(Exception, match='builtins.getattr|GLOBAL getattr'):
        torch.load(tmp_path / 'a.pth', weights_only=True)
    (tmp_path / 'b.pth').write_bytes(b'PK')
    with pytest.raises(ConfigError):
        read_checkpoint(tmp_path / 'b.pth')  # taken back after a failure, too
    assert not any(
        'getattr' in str(allowed) for allowed in torch.serialization.get_safe_globals()
    )


@pytest.mark.parametrize('core', ['core', '_core'])
def test_histories_load_from_either_numpy(tmp_path, core):
    """numpy 2 pickles its arrays under another module name than numpy 1."""
    torch.save(dict(history=HistoryBuffer([1.0, 2.0], [1, 1])), tmp_path / 'here.pth')
    with ZipFile(tmp_path / 'here.pth') as here, ZipFile(tmp_path / 'there.pth', 'w') as there:
        for record in here.namelist():
            name = rb'numpy\.(_core|core)\.multiarray'
            there.writestr(
                record, re.sub(name, f'numpy.{core}.multiarray'.encode(), here.read(record))
            )
    with compat.statistics_of_histories():
        loaded = torch.load(tmp_path / 'there.pth', weights_only=True)
    assert loaded['history'].mean() == 1.5


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


class Pretrained(BaseModule):
    """A network whose config asks for weights."""

    def __init__(self, checkpoint):
        super().__init__(init_cfg=dict(type='Pretrained', checkpoint=checkpoint))
        self.linear = torch.nn.Linear(2, 2)


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Foreign(os.system, 'touch owned'), 'evil.pth')
    yield str(tmp_path / 'evil.pth')
    assert not os.path.exists('owned')


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Where the files of ``tmp_path`` can be downloaded."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


def test_pretrained_weights_from_a_file_run_no_code(hostile):
    with pytest.raises(ConfigError, match='evil.pth.* holds pickled code, which is refused'):
        Pretrained(hostile).init_weights()


def test_downloaded_pretrained_weights_run_no_code(hostile, address):
    with pytest.raises(ConfigError, match='evil.pth.* holds pickled code, which is refused'):
        Pretrained(f'{address}/evil.pth').init_weights()


@pytest.mark.parametrize('library', ['timm', 'torchvision'])
def test_pretrained_networks_run_no_code(hostile, address, monkeypatch, library):
    given = dict(checkpoint_path=hostile)
    if library == 'torchvision':
        weights = ResNet18_Weights.DEFAULT
        monkeypatch.setattr(ResNet18_Weights, 'url', property(lambda _: f'{address}/evil.pth'))
        given = dict(weights=weights)
    with pytest.raises(ConfigError, match="'resnet18': .* hold pickled code, which is refused"):
        MODELS.build(dict(type=library, name='resnet18', **given))


def test_downloaded_pretrained_weights_load(tmp_path, address):
    trained = torch.nn.Linear(2, 2)
    torch.save({f'linear.{k}': v for k, v in trained.state_dict().items()}, tmp_path / 'a.pth')
    network = Pretrained(f'{address}/a.pth')
    network.init_weights()
    assert torch.equal(network.linear.weight, trained.weight)


def test_loaders_that_allow_code_are_overruled(hostile, monkeypatch):
    """As those of mmengine 0.11; what is loaded elsewhere is left alone."""

    def lenient(filename, map_location=None):
        return torch.load(filename.removeprefix('lenient:'), weights_only=False)

    monkeypatch.setattr(CheckpointLoader, '_schemes', {'lenient:': lenient})
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)
    with pytest.raises(ConfigError, match='evil.pth.* holds pickled code'):
        CheckpointLoader.load_checkpoint(f'lenient:{hostile}')
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ
