"""The commands as a user runs them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import (
    DIGITS,
    ROOT,
    TINY,
    as_options,
    call_tool,
    environment,
    run_tool,
    save_teacher,
)

from ssdkd.plugins import is_ours
from ssdkd.registry import ALL_REGISTRIES


def tiny_options(folder: Path, options: dict | None = None) -> list[str]:
    return as_options(
        TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'} | (options or {})
    )


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """The folder of a finished tiny run."""
    folder = tmp_path_factory.mktemp('trained')
    save_teacher(dict(type='CifarResNet', depth=8), folder / 'teacher.pth', image_size=16)
    call_tool(
        'train.py', DIGITS, '--work-dir', folder / 'run', '--cfg-options', *tiny_options(folder)
    )
    return folder


def accuracy(capfd, folder: Path, *args) -> float:
    capfd.readouterr()
    call_tool(
        'test.py',
        DIGITS,
        *args,
        '--work-dir',
        folder / 'test',
        '--cfg-options',
        *tiny_options(folder),
    )
    captured = capfd.readouterr()
    return float(re.findall(r'accuracy: ([\d.]+)', captured.out + captured.err)[-1])


def test_test_agrees_with_the_summary(trained, capfd):
    summary = json.loads((trained / 'run/summary.json').read_text())
    for checkpoint in ('student.pth', 'round_4.pth'):
        value = accuracy(capfd, trained, trained / 'run' / checkpoint)
        assert value == pytest.approx(summary['student_accuracy'], abs=0.01), checkpoint
    value = accuracy(capfd, trained, '--teacher')
    assert value == pytest.approx(summary['teacher_accuracy'], abs=0.01)
    value = accuracy(capfd, trained, trained / 'teacher.pth', '--teacher')
    assert value == pytest.approx(summary['teacher_accuracy'], abs=0.01)


def test_test_on_images_of_another_size(trained, capfd):
    options = tiny_options(trained, {'test_dataloader.dataset.image_size': 20})
    call_tool('test.py', DIGITS, '--teacher', '--cfg-options', *options)
    captured = capfd.readouterr()
    said = 'test_dataloader: its images have 20x20 pixels, and the synthetic ones 16x16'
    assert said in captured.out + captured.err


def test_test_without_a_checkpoint(trained, capfd):
    with pytest.raises(SystemExit):
        accuracy(capfd, trained)
    assert 'error: give the checkpoint' in capfd.readouterr().err


def test_list_components_prints_every_name():
    done = run_tool('list_components.py')
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line[0] == ' ']
    described = {words[0]: words[1] for words in lines if len(words) == 2}
    for registry in ALL_REGISTRIES:
        for name in registry.names():
            if is_ours(registry.get(name)):  # not of a project tested in this process
                assert described.get(name), f'{name} has no line, or no description in it'


def test_train_teacher_then_distil_from_it(tmp_path):
    call_tool(
        'train_teacher.py',
        'configs/teachers/digits_resnet20.py',
        '--work-dir',
        tmp_path,
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'model.network.model.depth=8',
        'train_dataloader.dataset.image_size=8',
        'train_dataloader.batch_size=128',
        'val_dataloader.dataset.image_size=8',
    )
    state = torch.load(tmp_path / 'teacher.pth')
    assert 'conv1.weight' in state  # the plain network's keys
    call_tool(
        'train.py',
        DIGITS,
        '--work-dir',
        tmp_path / 'run',
        '--cfg-options',
        *tiny_options(tmp_path, {'train_cfg.max_rounds': 2}),
    )
    assert (tmp_path / 'run/student.pth').is_file()


def test_amp(trained, tmp_path):
    options = tiny_options(trained, {'train_cfg.max_rounds': 2})
    call_tool('train.py', DIGITS, '--amp', '--work-dir', tmp_path, '--cfg-options', *options)
    student = torch.load(tmp_path / 'student.pth')
    assert all(v.isfinite().all() for v in student.values())
    assert student['conv1.weight'].dtype == torch.float32


def test_seed_option(trained, tmp_path):
    options = tiny_options(trained, {'train_cfg.max_rounds': 2})
    call_tool(
        'train.py', DIGITS, '--seed', 5, '--work-dir', tmp_path, '--cfg-options', *options
    )
    assert json.loads((tmp_path / 'summary.json').read_text())['seed'] == 5


def test_tensorboard(trained, tmp_path):
    pytest.importorskip('tensorboard')
    options = tiny_options(trained, {'train_cfg.max_rounds': 2})
    call_tool(
        'train.py', DIGITS, '--tensorboard', '--work-dir', tmp_path, '--cfg-options', *options
    )
    assert list(tmp_path.rglob('events.out.tfevents.*'))


COMPARE_RANKS = '''
"""tools/train.py, and afterwards a look at every process's student."""
import sys
import runpy
import torch
import torch.distributed as dist
import ssdkd
from ssdkd.engine import DistillLoop

run = DistillLoop.run

def compared(self):
    model = run(self)
    student = self.distiller.student
    flat = torch.cat([p.detach().flatten() for p in student.parameters()])
    rest = torch.cat([p.detach().flatten() for p in self.distiller.synthesizer.parameters()])
    for values in (flat, rest):
        others = [torch.zeros_like(values) for _ in range(dist.get_world_size())]
        dist.all_gather(others, values)
        assert all(torch.equal(values, o) for o in others), 'the processes differ'
    images = self.distiller.buffer.columns['image'][:len(self.distiller.buffer)].contiguous()
    others = [torch.zeros_like(images) for _ in range(dist.get_world_size())]
    dist.all_gather(others, images)
    assert not torch.equal(*others), 'each process must make its own samples'
    counts = self.distiller.buffer.class_counts
    assert counts.sum() == 2 * len(self.distiller.buffer), counts
    print('the processes agree', flush=True)
    return model

DistillLoop.run = compared
runpy.run_path('tools/train.py', run_name='__main__')
'''


@pytest.mark.slow
def test_two_processes(trained, tmp_path):
    script = tmp_path / 'compare.py'
    script.write_text(COMPARE_RANKS)
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'torch.distributed.run',
            '--nproc_per_node=2',
            '--master_port=0',
            '--rdzv-backend=c10d',
            '--rdzv-endpoint=localhost:0',
            str(script),
            str(DIGITS),
            '--launcher',
            'pytorch',
            '--work-dir',
            str(tmp_path / 'run'),
            '--cfg-options',
            *tiny_options(trained, {'train_cfg.max_rounds': 3}),
        ],
        cwd=ROOT,
        env=dict(environment(), PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('the processes agree') == 2
    assert (tmp_path / 'run/student.pth').is_file()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert {'student_accuracy', 'teacher_accuracy'} <= summary.keys()
