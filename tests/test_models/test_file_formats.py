"""Files of other formats are called by their names, and safetensors files are loaded."""

import gzip
import io
import json
import pickle
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import DIGITS, TINY, as_options, call_tool
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet, load_weights
from ssdkd.models.checkpoint import read_checkpoint


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def weights() -> dict[str, torch.Tensor]:
    return network().state_dict()


def packed(path: Path, pack) -> None:
    content = io.BytesIO()
    torch.save(weights(), content)
    path.write_bytes(pack(content.getvalue()))


def torchscript(path: Path) -> None:
    torch.jit.save(torch.jit.script(network()), path)


def exported(path: Path) -> None:
    program = torch.export.export(network().eval(), (torch.rand(1, 3, 4, 4),))
    torch.export.save(program, path.with_suffix('.pt2'))
    path.with_suffix('.pt2').rename(path)


def onnx(path: Path) -> None:
    model = pytest.importorskip('onnx')
    node = model.helper.make_node('Relu', ['x'], ['y'])
    kind = model.helper.make_tensor_value_info
    values = [kind(name, model.TensorProto.FLOAT, [1]) for name in 'xy']
    graph = model.helper.make_graph([node], 'g', [values[0]], [values[1]])
    path.write_bytes(model.helper.make_model(graph).SerializeToString())


def hdf5(path: Path) -> None:
    with pytest.importorskip('h5py').File(path, 'w') as file:
        file['conv'] = np.ones(3)


def joblib(path: Path, compress: int = 0) -> None:
    pytest.importorskip('joblib').dump({'w': np.ones(300)}, path, compress=compress)


def zipped(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(name, 'x' * 99)


def tarred(path: Path) -> None:
    with tarfile.open(path, 'w') as archive:
        archive.add(__file__, 'weights/best.pth')


def folder(path: Path, name: str = 'best.pth') -> None:
    path.mkdir()
    (path / name).touch()


FORMATS = {
    'TorchScript': (
        torchscript,
        'is a TorchScript archive, which carries code; save its weights alone',
    ),
    'torch.export': (
        exported,
        'is a program of torch.export, which carries code; save its weights',
    ),
    'npz': (
        lambda path: path.write_bytes(_npz()),
        'is an archive of numpy arrays (npz); save a dict of tensors with torch.save',
    ),
    'npy': (lambda path: np.save(open(path, 'wb'), np.ones(3)), 'is a numpy array (npy)'),
    'Keras': (lambda path: zipped(path, 'model.weights.h5'), 'is a Keras model'),
    'HDF5': (hdf5, 'is an HDF5 file, as of Keras; save the network'),
    'ONNX': (onnx, "is an ONNX model; save the network's state_dict() with torch.save"),
    'joblib': (joblib, 'is a file of joblib; save'),
    'joblib, packed': (lambda path: joblib(path, 3), 'is packed with zlib, as by joblib'),
    'pickle': (lambda path: path.write_bytes(pickle.dumps(weights())), 'is a plain pickle'),
    'SavedModel': (
        lambda path: folder(path, 'saved_model.pb'),
        'is a SavedModel of TensorFlow; save',
    ),
    'its file': (lambda path: path.write_bytes(b'\x08\x01\x12\x99'), 'is a SavedModel of'),
    'distributed checkpoint': (
        lambda path: folder(path, '.metadata'),
        'is a distributed checkpoint; join it',
    ),
    'folder': (folder, 'is a folder; give the file of weights in it'),
    'Git LFS': (
        lambda path: path.write_text('version https://git-lfs.github.com/spec/v1\noid 1\n'),
        "is a Git LFS pointer; download the file itself: 'git lfs pull'",
    ),
    'git-annex': (
        lambda path: path.write_text('/annex/objects/MD5E-s9--1.pth\n'),
        "is a git-annex pointer; download the file itself: 'git annex get'",
    ),
    'git-annex, locked': (
        lambda path: path.symlink_to('../.git/annex/objects/w/1/MD5E-s9--1.pth'),
        "is a link of git-annex; download the file itself: 'git annex get'",
    ),
    'web page': (
        lambda path: path.write_text('\n<!DOCTYPE html><html>Sign in</html>'),
        'is a web page, as a failed download leaves it; download the file itself',
    ),
    'JSON': (lambda path: path.write_text(json.dumps({'weight_map': {}})), 'is a JSON text'),
    'YAML': (lambda path: path.write_text('model:\n  depth: 20\n'), 'is a text file; give'),
    'gzip': (lambda path: packed(path, gzip.compress), 'is packed with gzip; unpack it'),
    'tar': (tarred, 'is a tar archive; unpack it, and give the file of weights'),
    'zip': (lambda path: zipped(path, 'best.pth'), 'is a zip archive of other files; unpack'),
    'nothing': (lambda path: path.touch(), 'is empty: truncated, or never written'),
}  # fmt: skip


def _npz() -> bytes:
    content = io.BytesIO()
    np.savez(content, w=np.ones(3))
    return content.getvalue()


def refused(path: Path, **kwargs) -> str:
    with pytest.raises(ConfigError) as info:
        read_checkpoint(path, **kwargs)
    message = str(info.value)
    assert '\n' not in message and f"'{path}'" in message
    assert 'cannot be read' not in message and 'damaged' not in message
    return message


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', FORMATS)
def test_it_is_called_by_its_name(tmp_path, name):
    make, message = FORMATS[name]
    make(tmp_path / 'weights.pth')
    assert message in refused(tmp_path / 'weights.pth')
    said = refused(tmp_path / 'weights.pth', source='--resume', wanted='give a round_*.pth')
    assert said.endswith('; give a round_*.pth') and '--resume' in said


def test_what_the_remedies_write_loads(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torchscript(tmp_path / 'a.pt')
        exported(tmp_path / 'b.pt')
        (tmp_path / 'b.pt').rename(tmp_path / 'b.pt2')
        for state in (
            torch.jit.load(tmp_path / 'a.pt').state_dict(),
            torch.export.load(tmp_path / 'b.pt2').state_dict,
        ):
            torch.save(state, tmp_path / 'weights.pth')
            load_weights(network(), tmp_path / 'weights.pth')


@pytest.mark.parametrize('new', [False, True])
def test_both_formats_of_torch_save_load(tmp_path, new):
    path = tmp_path / 'weights.pth'
    torch.save(weights(), path, _use_new_zipfile_serialization=new)
    assert torch.equal(read_checkpoint(path)['0.weight'], weights()['0.weight'])
    whole = path.read_bytes()
    for size in (len(whole) // 3, len(whole) - 9):
        path.write_bytes(whole[:size])
        with pytest.raises(ConfigError, match='truncated|damaged'):
            read_checkpoint(path)


def save_safetensors(state: dict, path: Path) -> None:
    from safetensors.torch import save_file

    save_file(state, path)


def test_safetensors_load(tmp_path):
    path = tmp_path / 'model.safetensors'
    save_safetensors({f'module.{k}': v for k, v in weights().items()}, path)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    load_weights(model, path)
    for key, value in model.state_dict().items():
        assert torch.equal(value, weights()[key]), key


def test_safetensors_are_checked_alike(tmp_path):
    path, state = tmp_path / 'model.safetensors', weights()
    nan = state | {'0.bias': torch.full((4,), float('nan'))}
    counts = state | {'1.num_batches_tracked': torch.tensor(0.5)}
    for wrong, message in (
        ({k: v for k, v in state.items() if k != '0.bias'}, r'1 keys missing \(0.bias\)'),
        (state | {'2.bias': torch.ones(3)}, r'1 keys unexpected \(2.bias\)'),
        (state | {'0.bias': torch.ones(3)}, 'is num_classes right'),
        (nan, "'0.bias' holds nan"),
        (counts, '1.num_batches_tracked is torch.float32 in the file, torch.int64'),
    ):
        save_safetensors(wrong, path)
        with pytest.raises(ConfigError, match=message):
            load_weights(network(), path)
    save_safetensors(state, path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ConfigError, match='truncated'):
        load_weights(network(), path)


def evaluate(folder: Path, teacher: Path) -> None:
    options = TINY | {'model.teacher.checkpoint': teacher}
    where = ['--work-dir', folder / 'run', '--cfg-options', *as_options(options)]
    call_tool('test.py', DIGITS, '--teacher', *where)


def test_in_a_command(tmp_path, capfd):
    (tmp_path / 'a.pth').write_text('<html><body>404</body></html>')
    with pytest.raises(SystemExit):
        evaluate(tmp_path, tmp_path / 'a.pth')
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith('error: ') and last.endswith('; download the file itself')
    assert f"'{tmp_path / 'a.pth'}' is a web page" in last
    save_safetensors(CifarResNet(depth=8).state_dict(), tmp_path / 'a.safetensors')
    evaluate(tmp_path, tmp_path / 'a.safetensors')
    assert 'accuracy' in ''.join(capfd.readouterr())
