"""distill() as a guest of the caller's process: it leaves everything as it was."""

import copy
import logging
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import mmengine.device.utils as mmengine_device
import numpy as np
import pytest
import torch
from helpers import call_tool, environment
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from test_distill import TINY, networks, tiny, val_set
from torch import nn

import ssdkd.apis.result
import ssdkd.visualization
from ssdkd.apis import distill
from ssdkd.apis.distill import _new_folder
from ssdkd.apis.surroundings import MANAGED, kept_surroundings
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet
from ssdkd.runs import latest_checkpoint

EACH_ROUND = {
    'default_hooks.checkpoint.interval': 1,
    'default_hooks.checkpoint.max_keep_ckpts': -1,
}


def slow(value):
    """A repetition for another value, which `make test` leaves out."""
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.fixture(autouse=True)
def no_report(monkeypatch):
    """Drawing the report takes longer than a tiny run."""
    written = lambda folder, out=None: (out or folder / 'r.html', '')  # noqa: E731
    monkeypatch.setattr(ssdkd.visualization, 'write_report', written)


def surroundings() -> dict:
    """All that a run could change."""
    mine = logging.getLogger('mine')
    return dict(
        python=random.getstate(),
        numpy=[np.asarray(part).tolist() for part in np.random.get_state()],
        torch=torch.get_rng_state().tolist(),
        modes=(torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        threads=torch.get_num_threads(),
        cudnn=(torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        deterministic=torch.are_deterministic_algorithms_enabled(),
        environment=dict(os.environ),
        filters=list(warnings.filters),
        signals=[signal.getsignal(number) for number in signal.valid_signals()],
        start_method=multiprocessing.get_start_method(allow_none=True),
        device=mmengine_device.DEVICE,
        instances=[list(kind._instance_dict.items()) for kind in MANAGED],
        levels=[(x.level, list(x.handlers), x.propagate) for x in (logging.root, mine)],
        disabled=logging.root.manager.disable,
    )


def change_all() -> None:
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    os.environ['CHANGED'] = '1'
    os.environ.pop('HOME', None)
    warnings.simplefilter('ignore')
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    multiprocessing.set_start_method('spawn', force=True)
    DefaultScope.get_instance('changed', scope_name='mmseg')
    for kind in (MMLogger, MessageHub):
        kind.get_instance('changed')
    for logger in (logging.root, logging.getLogger('mine')):
        logger.setLevel(logging.CRITICAL)
        logger.addHandler(logging.NullHandler())
    logging.disable(logging.ERROR)


@pytest.mark.parametrize('ending', [None, ConfigError, KeyboardInterrupt])
def test_everything_is_as_it_was(ending, tmp_path):
    before = surroundings()
    try:
        with kept_surroundings('cpu'):
            change_all()
            assert torch.is_grad_enabled()
            if ending is not None:
                raise ending
    except (ConfigError, KeyboardInterrupt) as error:
        assert type(error) is ending
    assert surroundings() == before


def test_after_a_run_and_after_a_mistake(tmp_path):
    DefaultScope.get_instance('caller', scope_name='mmengine')
    warnings.filterwarnings('error', message='of the caller')
    before = surroundings()
    tiny(*networks(), tmp_path / 'a', budget=2)
    after = surroundings()
    torch.manual_seed(0)  # as networks() does it
    assert after | dict(torch=before['torch']) == before
    with pytest.raises(ConfigError, match='num_classes=7'):
        tiny(*networks(), tmp_path / 'b', num_classes=7)
    assert surroundings() | dict(torch=before['torch']) == before
    assert not (tmp_path / 'b').exists()
    assert DefaultScope.get_current_instance().scope_name == 'mmengine'


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """Weights and work directory of a run in four rounds, each with a checkpoint."""
    folder = tmp_path_factory.mktemp('plain') / 'run'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssdkd.visualization, 'write_report', lambda folder: (folder / 'r', ''))
        result = tiny(*networks(), folder, budget=4, val_loader=val_set(), **EACH_ROUND)
    return result.student.state_dict(), folder, result.history


def same(student, weights) -> bool:
    state = student.state_dict()
    return all(torch.equal(value, weights[key]) for key, value in state.items())


@pytest.mark.parametrize('inside', [torch.inference_mode, slow(torch.no_grad)])
def test_gradients_are_switched_off_outside(inside, plain, tmp_path):
    """The networks may be made there, too; the student is the same."""
    with inside():
        result = tiny(*networks(), tmp_path / 'run', budget=4, **EACH_ROUND)
        assert not torch.is_grad_enabled()
    assert same(result.student, plain[0])


def test_a_student_made_in_inference_mode(plain, tmp_path):
    with torch.inference_mode():
        teacher, student = networks()
    torch.set_grad_enabled(False)
    try:
        result = tiny(teacher, student, tmp_path / 'run', budget=4, **EACH_ROUND)
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
    assert result.student is student and same(student, plain[0])


def unpicklable(kind: str) -> nn.Module:
    factor = torch.ones(())

    class Local(CifarResNet):
        pass

    student = Local(8) if kind == 'local class' else networks()[1]
    student.load_state_dict(networks()[1].state_dict())
    if kind == 'lambda':
        student.scale = lambda x: x
    if kind == 'closure':
        student.register_forward_hook(lambda module, args, output: output * factor)
    return student


@pytest.mark.parametrize('kind', ['local class', slow('lambda'), slow('closure')])
def test_networks_that_cannot_be_pickled(kind, plain, tmp_path):
    student = unpicklable(kind)
    result = tiny(networks()[0], student, tmp_path / 'run', budget=4, **EACH_ROUND)
    assert result.student is student and same(student, plain[0])
    (log,) = result.work_dir.glob('*/*.log')
    said = 'No command can repeat the run (the student: it cannot be written to a file ('
    for text in (log.read_text(), (result.work_dir / 'config.py').read_text()):
        assert said in text and 'makes the same student' not in text
    assert result.export('torchscript') == result.work_dir / 'student.torchscript.pt'
    for path in result.work_dir.glob('round_[34].pth'):
        path.unlink()
    with pytest.raises(ConfigError, match='the student of that run is in no file; give all'):
        distill(resume=result.work_dir)
    again = unpicklable(kind)
    tiny(networks()[0], again, None, resume=result.work_dir, budget=4, **EACH_ROUND)
    assert same(again, plain[0])


def test_a_command_says_why_it_cannot_repeat_it(tmp_path, capsys):
    tiny(networks()[0], unpicklable('lambda'), tmp_path / 'run', budget=2)
    with pytest.raises(SystemExit):
        call_tool('train.py', tmp_path / 'run/config.py', '--work-dir', tmp_path / 'again')
    error = capsys.readouterr().err.splitlines()[-1]
    assert 'could not be written to a file, so no command can build it' in error


def stopped(folder, tmp_path):
    """A copy of a run as it was after two rounds."""
    copied = shutil.copytree(folder, tmp_path / 'stopped')
    for name in ('round_3.pth', 'round_4.pth', 'student.pth', 'summary.json'):
        (copied / name).unlink()
    return copied


@pytest.mark.parametrize('given', [True, False])
def test_resume(given, plain, tmp_path):
    weights, folder, history = plain
    folder, val = stopped(folder, tmp_path), dict(val_loader=val_set())
    torch.manual_seed(9)
    student = CifarResNet(8)
    if given:
        changes = val | EACH_ROUND | dict(resume=str(folder), budget=4)
        result = tiny(networks()[0], student, None, **changes)
        assert result.student is student
    else:
        result = distill(resume=folder, **val)
    assert same(result.student, weights) and result.work_dir == folder
    keep = ('round', 'loss', 'inversion_bn', 'accuracy')
    picked = [[{k: h.get(k) for k in keep} for h in part] for part in (result.history, history)]
    assert picked[0][:2] == picked[1][:2] and [h['round'] for h in picked[0]] == [1, 2, 3, 4]
    assert [h['loss'] for h in picked[0][1:]] == [h['loss'] for h in picked[1][1:]]
    more = distill(resume=folder, budget=5)
    assert more.history[-1]['round'] == 5 and not same(more.student, weights)


@pytest.mark.parametrize(
    'changes, error, message',
    [
        (dict(num_classes=3), TypeError, 'needs teacher, student, .*all of these arguments or'),
        (dict(resume='nowhere'), ConfigError, 'there is no config.py of distill'),
        (dict(work_dir='other'), ConfigError, 'must be one folder'),
        (dict(task='segmentation'), ConfigError, 'task=segmentation, but the run in .* has'),
        ({'model.batch_size': 9, 'seed': 4}, ConfigError, 'another seed .0 -> 4.*work_dir$'),
    ],
)
def test_what_cannot_be_resumed(changes, error, message, plain):
    with pytest.raises(error, match=message):
        distill(**dict(resume=plain[1]) | changes)
    assert latest_checkpoint(plain[1]).name == 'round_4.pth'


def test_other_settings_than_those_of_the_run(plain):
    for key, value in dict(num_classes=7, image_size=20).items():
        with pytest.raises(ConfigError, match=f'{key}={value}, but the run in .* leave'):
            tiny(*networks(), None, resume=plain[1], **{key: value})
    with pytest.raises(TypeError, match='needs num_classes, image_size, mean, std$'):
        distill(*networks())


def test_another_teacher_than_that_of_the_run(plain):
    teacher, student = networks()
    other = copy.deepcopy(teacher)
    with torch.no_grad():
        other.layer2[0].bn1.running_mean += 1
    for network, key in (
        (other, 'layer2.0.bn1.running_mean'),
        (CifarResNet(14), 'conv1.weight'),
    ):
        with pytest.raises(ConfigError) as error:
            tiny(network, student, None, resume=plain[1])
        assert str(error.value) == (
            f"resume='{plain[1]}': teacher is another one than that of the run, {key} differs; "
            'give the same, leave all networks out, or start another run with work_dir='
        )
    for other in (CifarResNet(14), nn.Sequential(nn.Flatten(), nn.Linear(768, 10))):
        with pytest.raises(ConfigError, match='student is another one than that of the run'):
            tiny(teacher, other, None, resume=plain[1])


def test_folders_of_the_same_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('time.strftime', lambda form: 'now')
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: _new_folder(), range(8)))
    assert {folder.name for folder in folders} == {'now', *(f'now_{n}' for n in range(2, 9))}
    assert all(folder.is_dir() for folder in folders)


def test_a_run_by_the_clock_is_repeated_by_its_plan(tmp_path):
    result = tiny(*networks(), tmp_path / 'run', budget=None, minutes=0.03)
    text = (tmp_path / 'run/config.py').read_text()
    line = next(line for line in text.splitlines() if line.startswith('    ssdkd train '))
    call_tool('train.py', *line.split()[2:])
    assert same(result.student, torch.load(tmp_path / 'run_again/student.pth'))


@pytest.mark.parametrize(
    'form', ['state_dict', 'torchscript', slow('exported_program'), slow('onnx')]
)
def test_export(form, plain, tmp_path, monkeypatch):
    if form == 'onnx':
        pytest.importorskip('onnxruntime')
        pytest.importorskip('onnxscript')
    result = distill(resume=plain[1])  # of a finished run
    path = result.export(form, tmp_path / 'file.pt2', image_size=(16, 24))
    assert path.is_file()
    images = torch.rand(2, 3, 16, 24)
    if form == 'torchscript':
        with torch.no_grad():
            expected = result.network(images)
            assert torch.allclose(torch.jit.load(path)(images), expected, atol=1e-4)
            std = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)
            assert torch.allclose(result.student((images - 0.5) / std), expected, atol=1e-4)
    assert result.report() == plain[1] / 'r.html'
    with pytest.raises(ConfigError, match="form='onx' must be one of"):
        result.export('onx')


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
import torch
from ssdkd.apis import distill
from ssdkd.models import CifarResNet

class Mine(CifarResNet):
    'As a class of a notebook: no other process can import it.'

torch.manual_seed(0)
teacher, student = CifarResNet(8), Mine(8)
settings = {settings!r}
first = distill(teacher, student, work_dir='run', budget=2, **settings)
print(first.export('torchscript'), first.report('page.html'))
second = distill(resume='run', budget=3)
print(type(second.student) is Mine, second.history[-1]['round'])
third = distill(teacher, Mine(8), resume='run', budget=4, **settings)
print(third.history[-1]['round'], third.export('state_dict'))
"""


def test_classes_of_a_script(tmp_path):
    settings = dict(num_classes=10, image_size=16, mean=0.5, std=0.5) | TINY | EACH_ROUND
    code = SCRIPT.format(paths=[p for p in sys.path if p], settings=settings)
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, env=environment(), text=True,
        capture_output=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for line in ('run/student.torchscript.pt page.html', 'True 3', '4 run/student.state_dict'):
        assert line in done.stdout
    assert (tmp_path / 'page.html').is_file()
    text = (tmp_path / 'run/config.py').read_text()
    assert 'the student: only a script or notebook can build its class Mine' in text


def test_copies_of_the_caller_are_not_shared(tmp_path):
    teacher, student = networks()
    before = copy.deepcopy(teacher)
    result = tiny(teacher, student, tmp_path / 'run', budget=2)
    assert same(teacher, before.state_dict())
    assert result.network.model is not student
