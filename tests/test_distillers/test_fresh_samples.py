"""Training without a sample store: what the student sees, and what is not paid for."""

import json
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, build_distiller, build_runner, check_resumed, plain_optimizers

from ssdkd.engine import DistillLoop
from ssdkd.errors import ConfigError
from ssdkd.modulation import BaseModulation
from ssdkd.registry import MODULATIONS
from ssdkd.visualization import read_balance, write_report

# Two student steps of 8 samples per round: exactly the 16 that a round makes.
FRESH = NO_VAL | {
    'model.buffer': dict(_delete_=True, type='FreshBuffer', capacity=16),
    'model.writer': None,
    'model.sampler': dict(_delete_=True, type='SequentialSampler'),
    'model.modulation.diversity': False,
    'model.modulation.difficulty': False,
    'model.batch_size': 8,
}


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
    check_resumed(cfg, 2)


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
    with pytest.raises(ConfigError, match='has no classes'):
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
    calls = count_calls(monkeypatch, distiller.teacher.answering, 'forward')
    slots = distiller.store(dict(image=torch.rand(16, 3, 16, 16)))
    assert len(calls) == passes and len(slots) == len(distiller.buffer) == 16


def test_a_buffer_that_overwrites_wants_a_writer(tiny):
    with pytest.raises(ConfigError, match='model.writer=None, but ReplayBuffer overwrites'):
        build_distiller(tiny({'model.writer': None}))


@pytest.mark.parametrize('modulate', [True, False])
def test_phi_is_not_computed_when_it_is_off(tiny, monkeypatch, modulate):
    off = {'model.modulation.diversity': False, 'model.modulation.difficulty': False}
    options = off | {'model.synthesizer.modulate': modulate, 'model.modulate': modulate}
    for changed, calls in ((options, 0), (options | {'model.modulation.difficulty': True}, 1)):
        distiller = build_distiller(tiny(changed))
        weighed = count_calls(monkeypatch, type(distiller.modulation), '__call__')
        classified = count_calls(monkeypatch, distiller.task, 'classify')
        optim_wrapper = plain_optimizers(distiller)
        distiller.train()
        distiller.synthesize(optim_wrapper)  # two generator steps, and one pass to store
        distiller.train_step(None, optim_wrapper)
        expected = (2 + 1) * calls * modulate
        assert (len(weighed), len(classified)) == (expected, expected + 1)
        monkeypatch.undo()


def test_a_step_without_phi_is_bit_identical_to_one_with_phi_of_one(tiny):
    off = {'model.modulation.diversity': False, 'model.modulation.difficulty': False}
    students = []
    for skipped in (True, False):
        distiller = build_distiller(tiny(off))
        distiller.modulation.active = not skipped
        optim_wrapper = plain_optimizers(distiller)
        distiller.train()
        distiller.synthesize(optim_wrapper)
        distiller.train_step(None, optim_wrapper)
        students.append(distiller.state_dict())
    assert all(torch.equal(v, students[1][k]) for k, v in students[0].items())


class Confident(BaseModulation):
    asked = 0

    def __call__(self, output, buffer):
        self.asked += 1
        return output.confidence


def test_a_modulating_function_of_a_plugin_is_asked(distiller):
    distiller.modulation = Confident()
    weights = distiller.phi(torch.zeros(3, 10))
    assert distiller.modulation.asked == 1
    assert torch.allclose(weights, torch.full((3,), 0.1))


class Plain:
    def __call__(self, output, buffer):
        return output.confidence


def test_a_modulating_function_needs_its_base_class(tiny, monkeypatch):
    monkeypatch.setitem(MODULATIONS.module_dict, 'Plain', Plain)
    message = 'model.modulation: Plain is not a subclass of ssdkd.modulation.BaseModulation'
    with pytest.raises(ConfigError, match=message):
        build_distiller(tiny({'model.modulation': dict(_delete_=True, type='Plain')}))


def test_classes_that_no_one_stores_cannot_be_counted(tiny):
    with pytest.raises(
        ConfigError, match='model.modulation.diversity=True.*FreshBuffer stores'
    ):
        build_distiller(tiny(FRESH | {'model.modulation.diversity': True}))
    difficulty = FRESH | {'model.modulation.difficulty': True}
    distiller = build_distiller(tiny(difficulty))  # needs the teacher's confidence alone
    distiller.train()
    optim_wrapper = plain_optimizers(distiller)
    distiller.synthesize(optim_wrapper)
    assert distiller.train_step(None, optim_wrapper)['loss'].isfinite()
