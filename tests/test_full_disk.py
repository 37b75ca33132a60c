"""Whatever is written when the disk fills: the old file stays whole, and no other is left."""

import functools
import io
import resource
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config

sys.path.insert(0, str(ROOT / 'tests/test_visualization'))

from fake_run import make_buffer, save_checkpoint, start

from ssdkd.apis import distill
from ssdkd.benchmark.cells import mark_failed
from ssdkd.buffers import read_samples
from ssdkd.engine import AtomicLocalBackend, ExportHook, SummaryHook
from ssdkd.engine.loop import LatentStream
from ssdkd.engine.plain_weights import save_plain
from ssdkd.export.samples import (
    write_image_folder,
    write_segmentation_folder,
)
from ssdkd.export.student import export
from ssdkd.models import CifarResNet, Network
from ssdkd.visualization import (
    plot_balance,
    plot_reliability,
    read_balance,
    save_panel,
    save_sample_grid,
    write_report,
)


@contextmanager
def full_disk(size: int = 64):
    """No file can have more than so many bytes inside; what is printed goes nowhere."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b'' for p in folder.rglob('*')}


def network() -> Network:
    torch.manual_seed(0)
    return Network(CifarResNet(depth=8)).eval()


def runner(folder: Path) -> SimpleNamespace:
    networks = dict(teacher=network(), student=network())
    model = SimpleNamespace(
        **networks, networks=networks, trained=['student'], evaluated='student',
        buffer=make_buffer([3, 4]))  # fmt: skip
    seconds = dict(inversion=1.0, distillation=2.0)
    return SimpleNamespace(
        model=model, work_dir=str(folder), val_loop=None,
        train_dataloader=LatentStream(1), epoch=1, iter=2, seed=0,
        message_hub=SimpleNamespace(get_info=lambda name: seconds),
        logger=SimpleNamespace(info=lambda text: None))  # fmt: skip


def student(form: str):
    config = dict(type='CifarResNet', depth=8)
    return lambda folder: export(network(), form, folder / 'out', (8, 8), config)


@functools.cache
def segmentation_network(folder: Path) -> Network:
    pytest.importorskip('mmseg')
    from ssdkd.models import mmseg_model

    head = dict(
        type='FCNHead', in_channels=64, channels=8, num_convs=1, num_classes=3,
        norm_cfg=dict(type='BN'))  # fmt: skip
    backbone = dict(
        type='ResNet', depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,),
        norm_cfg=dict(type='BN'))  # fmt: skip
    preprocessor = dict(type='SegDataPreProcessor')
    model = dict(
        type='EncoderDecoder', backbone=backbone, decode_head=head,
        data_preprocessor=preprocessor)  # fmt: skip
    Config(dict(model=model)).dump(folder / 'config.py')
    return Network(mmseg_model(str(folder / 'config.py')))


def segmentor(folder: Path) -> None:
    save_plain(segmentation_network(folder.parent), folder / 'student.pth')


def report(folder: Path) -> None:
    if not (folder / 'round_1.pth').exists():
        start(folder, '20260101_120000', range(1, 5))
        save_checkpoint(folder / 'round_1.pth', make_buffer([10, 20, 30]))
    write_report(folder)


def balance(folder: Path) -> None:
    run = folder.with_name('run')
    if not run.exists():
        save_checkpoint(run / 'round_1.pth', make_buffer([10, 20, 30]))
    plot_balance([read_balance(run)], folder / 'balance.png')


def reliability(folder: Path) -> None:
    row = dict(low=0.0, high=1.0, cases=3, accuracy=0.5, confidence=0.5)
    results = dict(ece=1.0, cases=3, bins=[row], agreement=1.0, student_confidence=50.0)
    plot_reliability(results, folder / 'agreement.png', 'images')


WRITERS = {
    'state_dict': student('state_dict'),
    'torchscript': student('torchscript'),
    'exported_program': student('exported_program'),
    'onnx': student('onnx'),
    'mmseg': segmentor,
    'checkpoint': lambda folder: AtomicLocalBackend().put(b'x' * 100, folder / 'round_1.pth'),
    'summary': lambda folder: SummaryHook().after_train(runner(folder)),
    'student.pth': lambda folder: ExportHook().after_train(runner(folder)),
    'sample grid': lambda folder: save_sample_grid(make_buffer([3, 4]), folder / 'grid.png'),
    'panel': lambda folder: save_panel(
        {'image': np.zeros((32, 32, 3), np.uint8)}, folder / 'p.png'
    ),
    'report': report,
    'balance': balance,
    'failed run': lambda folder: mark_failed(folder, 'x' * 100),
}


@pytest.mark.parametrize('name', WRITERS)
def test_old_files_stay_whole(tmp_path, name):
    folder = tmp_path / 'out'
    folder.mkdir()
    WRITERS[name](folder)
    before = content(folder)
    assert before
    with pytest.raises(OSError) as info, full_disk():
        WRITERS[name](folder)
    assert content(folder) == before
    assert str(folder) in str(info.value), 'the error does not name the file'


@pytest.mark.parametrize('segmentation', [False, True])
def test_no_half_folder_of_samples(tmp_path, segmentation):
    save_checkpoint(tmp_path / 'round_1.pth', make_buffer([3, 4]))
    samples, out = read_samples(tmp_path / 'round_1.pth'), tmp_path / 'samples'
    before = content(tmp_path)
    with pytest.raises(OSError, match='large'), full_disk():
        if segmentation:
            maps = torch.zeros(7, 8, 8, dtype=torch.int64)
            write_segmentation_folder(samples, maps, [[0, 0, 0]], out, {}, iter)
        else:
            write_image_folder(samples, samples.labels, 2, out, {}, iter)
    assert content(tmp_path) == before


def test_distill_leaves_no_half_module(tmp_path):
    networks = CifarResNet(depth=8), CifarResNet(depth=8)
    # mmengine copies the configs that it reads, which are smaller than networks.
    with pytest.raises(OSError, match='teacher_module.pt'), full_disk(2**15):
        distill(
            *networks,
            num_classes=10,
            image_size=8,
            mean=0.5,
            std=0.5,
            work_dir=tmp_path / 'run',
        )
    assert not content(tmp_path / 'run')
