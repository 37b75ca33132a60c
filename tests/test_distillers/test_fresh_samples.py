"""Training without a sample store: what the student sees, and what is not paid for."""

import json
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, build_distiller, build_runner

from ssdkd.engine import DistillLoop, RoleOptimWrapperConstructor
from ssdkd.errors import ConfigError
from ssdkd.visualization import read_balance, write_report

# Two student steps of 8 samples a round: exactly the 16 that a round makes.
FRESH = NO_VAL | {
    'model.buffer': dict(_delete_=True, type='FreshBuffer', capacity=16),
    'model.writer': None,
    'model.sampler': dict(_delete_=True, type='SequentialSampler'),
    'model.balancing.diversity': False,
    'model.balancing.difficulty': False,
    'model.batch_size': 8,
}


def student_of(cfg):
    return torch.load(Path(cfg.work_dir) / 'student.pth')


def optimizers(distiller):
    sgd = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    return RoleOptimWrapperConstructor(dict(student=sgd, generator=sgd))(distiller)


def test_every_sample_is_used_exactly_once_a_round(tiny, monkeypatch):
    rounds, run_steps = [], DistillLoop.run_steps

    def spy(loop, log):
        buffer = loop.distiller.buffer
        assert len(buffer) == 16 and not buffer.columns['uses'].any()
        assert (buffer.columns['birth'] == loop.epoch).all()
        run_steps(loop, log)
        rounds.append(buffer.columns['uses'].tolist())

    monkeypatch.setattr(DistillLoop, 'run_steps', spy)
    build_runner(tiny(FRESH)).train()
    assert rounds == [[1] * 16] * 3


def test_a_resumed_run_equals_one_that_was_not_stopped(tiny):
    cfg = tiny(FRESH | {'default_hooks.checkpoint.max_keep_ckpts': -1})
    build_runner(cfg).train()
    expected = student_of(cfg)
    cfg.load_from = str(Path(cfg.work_dir) / 'round_2.pth')
    cfg.resume = True
    cfg.work_dir += '_resumed'
    build_runner(cfg).train()
    assert all(torch.equal(v, expected[k]) for k, v in student_of(cfg).items())


def test_log_pictures_and_report_cope_without_classes(tiny):
    cfg = tiny(FRESH)
    build_runner(cfg).train()
    work_dir = Path(cfg.work_dir)
    summary = json.loads((work_dir / 'summary.json').read_text())
    assert summary['buffer_samples'] == 16
    assert not {'class_ratio', 'mean_confidence'} & summary.keys()
    (log,) = work_dir.glob('*/*.log')
    assert 'Buffer  samples: 16' in log.read_text() and 'confidence' not in _buffer_lines(log)
    assert (work_dir / 'samples/round_4.png').is_file()
    with pytest.raises(ConfigError, match='knows no classes'):
        read_balance(work_dir)
    page, _ = write_report(work_dir)
    assert 'balance is unknown' in page.read_text()


def _buffer_lines(log):
    return '\n'.join(line for line in log.read_text().splitlines() if 'Buffer  ' in line)


def count_calls(monkeypatch, owner, name):
    calls, original = [], getattr(owner, name)

    def counted(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)
    return calls


@pytest.mark.parametrize('options, passes', [(FRESH, 0), ({}, 1)], ids=['fresh', 'replay'])
def test_storing_asks_the_teacher_only_for_what_is_kept(tiny, monkeypatch, options, passes):
    distiller = build_distiller(tiny(options))
    calls = count_calls(monkeypatch, distiller.teacher, 'forward')
    slots = distiller.store(torch.rand(16, 3, 16, 16))
    assert len(calls) == passes and len(slots) == len(distiller.buffer) == 16


def test_a_buffer_that_overwrites_wants_a_writer(tiny):
    with pytest.raises(ConfigError, match='model.writer=None, but ReplayBuffer overwrites'):
        build_distiller(tiny({'model.writer': None}))
