"""On a CUDA device, if there is one: no step waits for it; runs move to the CPU and back."""

import json
import warnings
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from device_runs import check_exact, check_move, run
from helpers import build_runner
from mmengine.config import Config
from segmentation_runs import CAMVID, camvid_options
from small_configs import CONFIGS, PEERS, small, small_peer

from ssdkd.buffers import ReplayBuffer
from ssdkd.distillers import ReplayDistiller
from ssdkd.distillers.graphs import REPEATS, PassGraphs
from ssdkd.synthesizers.inversion import Phase

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='make test-cuda')

DIGITS = CONFIGS / 'cls/digits_resnet20_resnet8_ssdkd.py'
METHODS = [*PEERS, 'ssdkd']


@contextmanager
def sync_mode(mode: str):
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def refuse_waiting(monkeypatch) -> None:
    """Let every student step, and every inversion step after the first pass, raise if it waits.

    From the first loss to the end of the phase: losses, backward, optimizers, generator.
    """
    train_step, evaluate, finish = ReplayDistiller.train_step, Phase.evaluate, Phase.finish

    def strict_step(self, *args):
        with sync_mode('error'):
            return train_step(self, *args)

    def strict_evaluate(self, *args):
        torch.cuda.set_sync_debug_mode('error')
        return evaluate(self, *args)

    def lenient_finish(self):
        torch.cuda.set_sync_debug_mode('default')
        return finish(self)

    monkeypatch.setattr(ReplayDistiller, 'train_step', strict_step)
    monkeypatch.setattr(Phase, 'evaluate', strict_evaluate)
    monkeypatch.setattr(Phase, 'finish', lenient_finish)


@pytest.fixture(autouse=True)
def no_mode_is_left():
    yield
    torch.cuda.set_sync_debug_mode('default')
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False


def tiny(method: str, folder: Path) -> Config:
    cfg = small(DIGITS, folder) if method == 'ssdkd' else small_peer(method, folder)
    cfg.model.cuda_graphs = False  # which wait where they are captured; see with_graphs
    return cfg


@pytest.fixture
def digits(tmp_path):
    return tiny('ssdkd', tmp_path)


def train(cfg: Config) -> dict:
    runner = build_runner(cfg)
    runner.train()
    assert next(runner.model.parameters()).is_cuda and runner.model.rng.device.type == 'cuda'
    return json.loads(Path(cfg.work_dir, 'summary.json').read_text())


@pytest.mark.parametrize('method', METHODS)
def test_no_step_waits(method, tmp_path, monkeypatch):
    refuse_waiting(monkeypatch)
    cfg = tiny(method, tmp_path)
    cfg.train_cfg.warmup_rounds = 0
    if 'steps' in cfg.model.synthesizer:
        cfg.model.synthesizer.steps = 2  # the first pass of the generator is watched in the 2nd
    assert train(cfg)['student_steps'] == 4


def weakest(divergence: torch.Tensor) -> float:
    return divergence.max().item()


def test_the_check_sees_a_read(digits, monkeypatch):
    refuse_waiting(monkeypatch)
    divergence = ReplayDistiller.divergence
    monkeypatch.setattr(
        ReplayDistiller, 'divergence', lambda *a: divergence(*a) * weakest(divergence(*a))
    )
    with pytest.raises(RuntimeError, match='synchroniz'):
        train(digits)


@pytest.mark.parametrize('autocast', ['bfloat16', 'auto'])
def test_bfloat16(digits, autocast, monkeypatch):
    refuse_waiting(monkeypatch)
    digits.model.autocast = autocast
    assert train(digits)['student_steps'] == 2


def waits_of_steps(cfg: Config, monkeypatch) -> list[str]:
    """Where the student steps of a run wait for the device."""
    train_step, found = ReplayDistiller.train_step, []

    def watched(self, *args):
        with warnings.catch_warnings(record=True) as caught, sync_mode('warn'):
            warnings.simplefilter('always')
            outputs = train_step(self, *args)
        found.extend(
            f'{w.filename}:{w.lineno}'
            for w in caught
            if 'called a synchronizing' in str(w.message)
        )
        return outputs

    monkeypatch.setattr(ReplayDistiller, 'train_step', watched)
    train(cfg)
    return found


PLACES = [
    (dict(device='cpu'), 1),
    (dict(device='cpu', pin_memory=True), 1),
    (dict(device='cuda'), 0),
    ({}, 0),
]


@pytest.mark.parametrize('place, waits', PLACES, ids=str)
def test_places_of_the_buffer(digits, place, waits, monkeypatch):
    """Images on the host cost one wait a step: the host must know which ones to fetch."""
    digits.model.buffer.update(place)
    found = waits_of_steps(digits, monkeypatch)
    assert len(found) == 2 * waits, found


@pytest.mark.parametrize('pinned', [False, True])
def test_images_on_the_host_give_the_same_student(digits, pinned, monkeypatch):
    students = []
    monkeypatch.setattr(torch.backends.cudnn, 'deterministic', True)
    digits.env_cfg.cudnn_benchmark = False
    for place in ({}, dict(device='cpu', pin_memory=pinned)):
        digits.model.buffer.update(place)
        train(digits)
        students.append(torch.load(Path(digits.work_dir) / 'student.pth'))
    for key, value in students[0].items():
        torch.testing.assert_close(value, students[1][key], rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not find_spec('mmseg'), reason='needs mmseg')
def test_segmentation(tmp_path):
    cfg = Config.fromfile(CAMVID)
    cfg.merge_from_dict(camvid_options(tmp_path))
    cfg.work_dir = str(tmp_path / 'run')
    assert 'student_mIoU' in train(cfg)


@pytest.mark.skipif(not find_spec('mmseg'), reason='needs mmseg')
def test_segmentation_waits_for_the_indices_alone(tmp_path, monkeypatch):
    cfg = small(CONFIGS / 'seg/nyuv2_deeplab.py', tmp_path)
    cfg.model.autocast = 'bfloat16'
    assert cfg.model.buffer.device == 'cpu' and cfg.model.buffer.pin_memory
    found = waits_of_steps(cfg, monkeypatch)
    assert len(found) == 2, found


@contextmanager
def on_the_cpu(monkeypatch):
    """As on a machine without CUDA, as far as mmengine and this project look."""
    with monkeypatch.context() as patch:
        patch.setattr('mmengine.device.utils.DEVICE', 'cpu')
        yield


@pytest.mark.parametrize('method', ['ssdkd', 'cmi', 'fast2', 'zskt', 'oracle_real'])
@pytest.mark.parametrize('to_cpu', [True, False], ids=['to the CPU', 'from the CPU'])
def test_a_run_moves(method, to_cpu, tmp_path, monkeypatch):
    here, there = nullcontext(), on_the_cpu(monkeypatch)
    check_move(tiny(method, tmp_path), *((here, there) if to_cpu else (there, here)))


@pytest.mark.parametrize('method', METHODS)
def test_the_same_run_to_the_bit(method, tmp_path):
    check_exact(tiny(method, tmp_path))


@pytest.mark.skipif(not find_spec('mmseg'), reason='needs mmseg')
def test_the_same_run_of_segmentation_to_the_bit(tmp_path):
    check_exact(small(CONFIGS / 'seg/nyuv2_deeplab.py', tmp_path))


@pytest.mark.parametrize('place', [dict(device='cpu', pin_memory=True), dict(device='cuda')])
def test_a_moved_buffer(digits, place):
    digits.model.buffer.update(place)
    check_move(digits, nullcontext(), nullcontext())


def test_pinned_images_are_pinned():
    buffer = ReplayBuffer(4, 'cpu', pin_memory=True)
    buffer.extend(
        dict(
            image=torch.rand(3, 3, 8, 8, device='cuda'),
            class_share=torch.eye(3, device='cuda'),
            confidence=torch.rand(3, device='cuda'),
        ),
        None,
    )
    assert buffer.columns['image'].is_pinned() and buffer.columns['priority'].is_cuda
    assert buffer[torch.tensor([2, 0], device='cuda')]['image'].is_cuda


@pytest.fixture
def captured(monkeypatch) -> list[str]:
    """Types of the networks whose passes are captured; a capture itself may wait."""
    names, capture = [], PassGraphs._capture

    def watched(self, inputs):
        with sync_mode('default'):
            graph = capture(self, inputs)
        assert graph is not None
        names.append(type(self.network).__name__)
        return graph

    monkeypatch.setattr(PassGraphs, '_capture', watched)
    return names


def with_graphs(cfg: Config) -> Config:
    """Long enough that all kinds of passes come often enough."""
    cfg.model.cuda_graphs = True
    cfg.train_cfg.update(max_rounds=REPEATS + 1, warmup_rounds=0, steps_per_round=REPEATS + 1)
    if 'steps' in cfg.model.synthesizer:
        cfg.model.synthesizer.steps = REPEATS + 1
    return cfg


@pytest.mark.parametrize('method', METHODS)
def test_replayed_steps_do_not_wait(method, tmp_path, monkeypatch, captured):
    refuse_waiting(monkeypatch)
    train(with_graphs(tiny(method, tmp_path)))
    assert {'Network', 'Teacher'} <= set(captured)


@pytest.mark.parametrize('autocast', [None, 'bfloat16'])
@pytest.mark.parametrize('method', METHODS)
def test_graphs_give_the_same_student(method, autocast, tmp_path, captured):
    cfg = with_graphs(tiny(method, tmp_path))
    cfg.model.autocast = autocast
    cfg.randomness = dict(seed=0, deterministic=True)
    students = []
    for graphs in (False, True):
        cfg.model.cuda_graphs = graphs
        students.append(run(cfg, cfg.train_cfg.max_rounds)[1])
        assert bool(captured) == graphs
    different = [k for k, v in students[0].items() if not torch.equal(v, students[1][k])]
    assert not different, different


@pytest.mark.parametrize('method', ['ssdkd', 'fast2'])
def test_the_same_run_with_graphs_to_the_bit(method, tmp_path, captured):
    check_exact(with_graphs(tiny(method, tmp_path)))
    assert captured
