"""Students as files that run without this package, checked outside of it."""

import importlib.util
import re

import pytest
import torch
from helpers import DIGITS, call_tool, save_teacher
from mmengine.config import Config
from plain_process import OBSTACLES, in_another_process
from segmentation_runs import CAMVID

from ssdkd.export.student import Difference, compare
from ssdkd.models import Network, student_config
from ssdkd.registry import MODELS

LIMIT = 1e-4
PLAIN_TIMM = (
    OBSTACLES
    + """
import timm

checkpoint, folder = sys.argv[1:]
model = timm.create_model('resnet10t', num_classes=10)
model.load_state_dict(torch.load(checkpoint, weights_only=True), strict=True)
with torch.no_grad():
    logits = model.eval()(torch.load(folder + '/normalised.pth'))
torch.save(dict(logits=logits), folder + '/plain.pth')
assert 'ssdkd' not in sys.modules
"""
)
PLAIN_MMSEG_LOGITS = (
    OBSTACLES
    + """
import mmcv

if not list(Path(mmcv.__file__).parent.glob('_ext.*')):
    class Stub(types.ModuleType):
        def __getattr__(self, name):
            if name.startswith('__'):
                raise AttributeError(name)
            return None
    sys.modules['mmcv._ext'] = Stub('mmcv._ext')
    sys.modules['mmcv._ext'].__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', None)
from mmseg.apis import init_model

config, checkpoint, folder = sys.argv[1:]
model = init_model(config, checkpoint, device='cpu')
batch = torch.load(folder + '/normalised.pth')
meta = dict(ori_shape=batch.shape[2:], img_shape=batch.shape[2:], pad_shape=batch.shape[2:])
with torch.no_grad():
    logits = model.inference(batch, [meta] * len(batch))
torch.save(dict(logits=logits, meta=model.dataset_meta), folder + '/plain.pth')
assert 'ssdkd' not in sys.modules
"""
)


def network_of(config, checkpoint) -> Network:
    cfg = Config.fromfile(config)
    student = student_config(cfg.model.student, cfg.model.teacher)
    return MODELS.build(dict(student, checkpoint=str(checkpoint))).eval()


def exported(capsys, form, config, checkpoint, path, *args) -> float:
    """Export with the command -> the largest difference that it prints."""
    capsys.readouterr()
    call_tool('export_student.py', config, checkpoint, '--format', form, '--out', path, *args)
    output = capsys.readouterr().out
    return float(re.search(r'largest difference .*: ([\d.e+-]+) \(', output)[1])


def images_of(n: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(5))


def runtime(path):
    """The file in onnxruntime: images to logits."""
    onnxruntime = pytest.importorskip('onnxruntime')
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session, lambda x: torch.from_numpy(session.run(None, {'images': x.numpy()})[0])


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """A student of the digits config, and its network."""
    path = tmp_path_factory.mktemp('digits') / 'student.pth'
    save_teacher(dict(type='CifarResNet', depth=8), path)
    return path, network_of(DIGITS, path)


@pytest.fixture(scope='module')
def deeplab(tmp_path_factory):
    """A student of the CamVid config, and its network."""
    pytest.importorskip('mmseg')
    path = tmp_path_factory.mktemp('deeplab') / 'student.pth'
    save_teacher(Config.fromfile(CAMVID).model.student.model, path, image_size=64)
    return path, network_of(CAMVID, path)


@torch.no_grad()
def test_torchscript_and_exported_program_need_torch_alone(capsys, tmp_path, digits):
    checkpoint, network = digits
    loaders = dict(
        torchscript=('x.pt', torch.jit.load),
        exported_program=('x.pt2', lambda path: torch.export.load(path).module()),
    )
    for form, (name, load) in loaders.items():
        assert exported(capsys, form, DIGITS, checkpoint, tmp_path / name) < LIMIT
        artefact = load(str(tmp_path / name))
        for n in (1, 5):
            images = images_of(n, 32, 32)
            torch.testing.assert_close(
                artefact(images), network(images), rtol=1e-5, atol=LIMIT, msg=form
            )


@torch.no_grad()
def test_onnx_classifier_runs_in_onnxruntime(capsys, tmp_path, digits):
    pytest.importorskip('onnxscript')
    checkpoint, network = digits
    path = tmp_path / 'student.onnx'
    assert exported(capsys, 'onnx', DIGITS, checkpoint, path) < LIMIT
    session, run = runtime(path)
    assert isinstance(session.get_inputs()[0].shape[0], str), 'the batch is no fixed number'
    assert session.get_inputs()[0].shape[1:] == [3, 32, 32]
    for n in (1, 2, 7):
        images = images_of(n, 32, 32)
        assert (run(images) - network(images)).abs().max() < LIMIT


@pytest.mark.slow
@torch.no_grad()
def test_onnx_deeplab_runs_in_onnxruntime(capsys, tmp_path, deeplab):
    pytest.importorskip('onnxscript')
    checkpoint, network = deeplab
    path = tmp_path / 'student.onnx'
    difference = exported(capsys, 'onnx', CAMVID, checkpoint, path, '--image-size', 64, 96)
    assert difference < LIMIT
    session, run = runtime(path)
    assert session.get_inputs()[0].shape[1:] == [3, 64, 96]
    for n in (1, 4):
        images = images_of(n, 64, 96)
        found = run(images)
        assert found.shape == (n, 11, 64, 96), 'a logit for every pixel'
        assert (found - network(images)).abs().max() < LIMIT


def test_state_dict_is_plain_timm(capsys, tmp_path):
    config = tmp_path / 'user.py'
    config.write_text(
        f"_base_ = '{DIGITS}'\n"
        "model = dict(student=dict(model=dict(_delete_=True, type='timm', name='resnet10t',\n"
        '                                     num_classes=10)))\n'
    )
    checkpoint, path = tmp_path / 'round_1.pth', tmp_path / 'plain_weights.pth'
    student = dict(type='timm', name='resnet10t', num_classes=10)
    save_teacher(student, checkpoint)
    # As in the checkpoints of a run, beside the teacher.
    state = {f'student.model.{k}': v for k, v in torch.load(checkpoint).items()}
    torch.save(dict(state_dict=state | {'teacher.model.x': torch.zeros(1)}), checkpoint)
    assert exported(capsys, 'state_dict', config, checkpoint, path) == 0
    network = network_of(config, checkpoint)
    images = images_of(2, 32, 32)
    torch.save((images - network.mean) / network.std, tmp_path / 'normalised.pth')
    plain = in_another_process(PLAIN_TIMM, tmp_path, path, tmp_path)
    with torch.no_grad():
        assert torch.equal(plain['logits'], network(images))


def test_state_dict_is_plain_mmseg(capsys, tmp_path, deeplab):
    checkpoint, network = deeplab
    path = tmp_path / 'weights.pth'
    assert exported(capsys, 'state_dict', CAMVID, checkpoint, path) == 0
    images = images_of(2, 64, 96)
    torch.save((images - network.mean) / network.std, tmp_path / 'normalised.pth')
    plain = in_another_process(
        PLAIN_MMSEG_LOGITS, tmp_path, tmp_path / 'weights_mmseg.py', path, tmp_path
    )
    with torch.no_grad():
        assert torch.equal(plain['logits'], network(images))
    cfg = Config.fromfile(CAMVID)
    assert plain['meta'] == dict(classes=cfg.classes, palette=cfg.palette)
    steps = [s.type for s in Config.fromfile(tmp_path / 'weights_mmseg.py').test_pipeline]
    assert steps == ['LoadImageFromFile', 'Resize', 'PackSegInputs']


def test_a_wrong_artefact_is_seen(digits, tmp_path):
    _, network = digits
    off = compare(network, lambda x: network(x) + 3e-4 * (len(x) == 3), (32, 32))
    assert off.largest == pytest.approx(3e-4, rel=0.01)
    assert not Difference(off.largest, 1.0).within(LIMIT)
    assert Difference(off.largest, 10.0).within(LIMIT), 'relative to large logits'
    lost = compare(network, lambda x: network(x) * float('nan'), (32, 32))
    assert not lost.within(LIMIT)


def failure(capsys, *args) -> str:
    with pytest.raises(SystemExit) as stop:
        call_tool('export_student.py', *args)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_mistakes_end_in_one_line(capsys, monkeypatch, tmp_path, digits):
    checkpoint, _ = digits
    text = failure(capsys, DIGITS, 'nowhere.pth', '--format', 'torchscript')
    assert "no file 'nowhere.pth'" in text
    text = failure(capsys, DIGITS, checkpoint, '--format', 'state_dict', '--out', checkpoint)
    assert 'choose another file' in text
    text = failure(capsys, DIGITS, checkpoint, '--format', 'exported_program', '--out', 'x')
    assert 'must end in .pt2' in text
    text = failure(capsys, DIGITS, checkpoint, '--image-size', 1, 2, 3)
    assert '--image-size [1, 2, 3]' in text
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    text = failure(capsys, DIGITS, checkpoint, '--format', 'onnx')
    assert "pip install 'ssdkd[export]'" in text and 'onnxruntime' in text
