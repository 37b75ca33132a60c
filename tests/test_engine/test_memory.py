"""The memory of a run: estimated about right, before it is taken, and without a trace."""

import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import DIGITS, ROOT, build_runner, environment
from torch import nn

import ssdkd.engine.memory
from ssdkd.engine.memory import check_memory, estimate_memory
from ssdkd.errors import ConfigError

GIB = 2**30
# Just large enough to be estimated at all.
OPTIONS = {
    'model.synthesizer.generator.image_size': 32,
    'model.synthesizer.batch_size': 24,
    'model.batch_size': 24,
}
NO_VAL = {'val_dataloader': None, 'val_cfg': None, 'val_evaluator': None}
MEASURE = """
import json, sys
sys.path.insert(0, 'tests')
from pathlib import Path
import ssdkd, torch
from helpers import build_runner, tiny_config
from ssdkd.engine.memory import estimate_memory

def status(key):
    lines = open('/proc/self/status').read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))

torch.set_num_threads(1)
phase, folder, options, config = sys.argv[1:]
runner = build_runner(tiny_config(Path(folder), json.loads(options), Path(config)))
runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
distiller = runner.model
distiller.seed(0)
memory = estimate_memory(distiller, runner.optim_wrapper)
distiller.synthesizer.steps = 2
before = status('VmRSS')
open('/proc/self/clear_refs', 'w').write('5')  # the peak starts again
if phase == 'inversion':
    distiller.synthesize(runner.optim_wrapper)
else:
    size = distiller.synthesizer.image_size
    distiller.store(dict(image=torch.rand(distiller.synthesizer.samples, 3, *size)))
    for _ in range(2):
        distiller.train_step(None, runner.optim_wrapper)
print('MEASURED', getattr(memory, phase)['cpu'], status('VmHWM') - before)
"""


@pytest.fixture
def said(monkeypatch):
    """What the estimate logs."""
    lines = []
    monkeypatch.setattr(
        ssdkd.engine.memory, 'print_log', lambda line, logger: lines.append(line)
    )
    return lines


def prepared(cfg):
    """A runner at the point where its loop begins."""
    runner = build_runner(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    return runner


def estimate(cfg, rounds=1):
    runner = prepared(cfg)
    return estimate_memory(runner.model, runner.optim_wrapper, rounds)


LARGE = {
    'model.teacher.model.depth': 20,
    'model.synthesizer.generator.width': 32,
    'model.synthesizer.generator.image_size': 48,
    'model.synthesizer.batch_size': 96,
    'model.batch_size': 512,
    'model.buffer.capacity': 2000,
} | NO_VAL
WIDE = LARGE | {
    'model.teacher.model.depth': 16,
    'model.synthesizer.generator.image_size': 32,
    'model.synthesizer.batch_size': 64,
    'model.batch_size': 96,
}
WIDE_RESNETS = ROOT / 'configs/cls/cifar10_wrn40-2_wrn16-2_ssdkd.py'


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
@pytest.mark.parametrize(
    ('phase', 'config', 'options'),
    [
        pytest.param('inversion', DIGITS, LARGE, marks=pytest.mark.slow),
        pytest.param('student', DIGITS, LARGE, marks=pytest.mark.slow),
        pytest.param('inversion', WIDE_RESNETS, WIDE, marks=pytest.mark.slow),
        pytest.param('student', WIDE_RESNETS, WIDE, marks=pytest.mark.slow),
    ],
)
def test_estimate_against_the_peak_of_a_real_step(tmp_path, phase, config, options):
    done = subprocess.run(
        [sys.executable, '-c', MEASURE, phase, tmp_path, json.dumps(options), config],
        # glibc then gives back what is freed. Otherwise a half more can lie between its blocks.
        env=environment() | {'MALLOC_MMAP_THRESHOLD_': '65536'},
        cwd=ROOT, capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(x for x in done.stdout.splitlines() if x.startswith('MEASURED'))
    estimated, measured = map(int, line.split()[1:])
    assert estimated > 100 * 2**20, 'too small to compare'
    # What is inside an operation is not estimated.
    assert 0.95 < measured / estimated < 1.3


def test_kept_answers_are_counted(tiny, monkeypatch):
    options = OPTIONS | NO_VAL
    keep = {
        'model.keep_answers': True,
        'model.distillation.features': dict(type='FeatureMatchingLoss'),
    }
    plain = estimate(tiny(options), rounds=4)
    kept = estimate(tiny(options | keep), rounds=4)
    numbers = 10 + 16 * 32**2 + 32 * 16**2 + 64 * 8**2  # logits, and the maps of three stages
    assert kept.buffer['cpu'] - plain.buffer['cpu'] == 64 * 4 * numbers
    monkeypatch.setattr(ssdkd.engine.memory, 'free_memory', lambda device: 2**20)
    with pytest.raises(
        ConfigError, match=r'with model\.keep_answers=True.*, or set model\.keep'
    ):
        check_memory(prepared(tiny(options | keep)))


def test_too_large_images_are_refused_before_they_are_made(tiny, monkeypatch):
    """Where 22 GB were taken until the system ended the process."""
    monkeypatch.setattr(ssdkd.engine.memory, 'free_memory', lambda device: 8 * GIB)
    runner = build_runner(
        tiny(
            {
                'model.synthesizer.generator.image_size': 500,
                'model.synthesizer.batch_size': 256,
                'model.batch_size': 256,
                'model.buffer.capacity': 256,
            }
            | NO_VAL
        )
    )
    with pytest.raises(ConfigError) as info:
        runner.train()
    message = str(info.value)
    for key in ('model.synthesizer.batch_size=256', 'model.batch_size=256', 'image_size=(500,',
                'model.buffer.capacity=256', '8 GiB are free'):  # fmt: skip
        assert key in message, message
    assert not any(p.grad is not None for p in runner.model.parameters())
    assert 'image' not in runner.model.buffer.columns, 'a sample was made'


def test_a_run_that_fits_says_what_it_takes(tiny, said):
    check_memory(prepared(tiny(OPTIONS | NO_VAL)))
    (line,) = said
    mib = r'\(cpu\): [\d.]+ MiB'
    assert re.match(f'Memory  estimated: inversion {mib}  student {mib}', line)


def test_tiny_batches_cost_no_estimate(tiny, monkeypatch):
    monkeypatch.setattr(ssdkd.engine.memory, 'estimate_memory', pytest.fail)
    check_memory(prepared(tiny(NO_VAL)))


def test_it_leaves_no_trace(tiny):
    runner = prepared(tiny(OPTIONS | NO_VAL))
    model, wrapper = runner.model, runner.optim_wrapper
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state(), np.random.get_state()[2], random.getstate()
    rng = model.rng.get_state()
    hooks = sum(len(m._forward_pre_hooks) for m in model.modules())
    estimate_memory(model, wrapper)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (np.random.get_state()[2], random.getstate()) == state[1:]
    assert torch.equal(model.rng.get_state(), rng)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not any(p.grad is not None for p in model.parameters())
    assert not any(w.optimizer.state for w in wrapper.values())
    assert (model.buffer.size, set(model.buffer.columns) & {'image'}) == (0, set())
    assert sum(len(m._forward_pre_hooks) for m in model.modules()) == hooks
    with pytest.raises(ConfigError, match='no forward pass of the teacher'):
        model.synthesizer.losses['bn']._inputs.take()


class Reading(nn.Module):
    """A network that looks at its values, which only real tensors have."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = self.body(x)
        return self.head(x.mean((2, 3)) if float(x.mean()) > -1 else x.amax((2, 3)))


def test_a_network_that_cannot_be_estimated_trains_on(tiny, said, capfd):
    cfg = tiny(OPTIONS | NO_VAL)
    cfg.model.student.model = dict(type='module', path=f'{__name__}.Reading')
    check_memory(prepared(cfg))
    (line,) = said
    assert line.startswith('The memory of a step is not estimated (DataDependent')
    output = capfd.readouterr()
    assert 'Traceback' not in output.out + output.err


def test_the_buffer_counts_once(tiny):
    small = estimate(tiny(OPTIONS | NO_VAL))
    cfg = tiny(OPTIONS | NO_VAL | {'model.buffer.capacity': 100_000})
    large = estimate(cfg)
    images = (100_000 - 64) * 3 * 32 * 32
    for phase in ('inversion', 'student', 'buffer'):
        more = getattr(large, phase)['cpu'] - getattr(small, phase)['cpu']
        assert images < more < 1.05 * images, phase


def test_a_filled_buffer_is_not_counted_again(tiny):
    runner = prepared(tiny(OPTIONS | NO_VAL))
    before = estimate_memory(runner.model, runner.optim_wrapper)
    runner.model.store(dict(image=torch.rand(24, 3, 32, 32)))
    after = estimate_memory(runner.model, runner.optim_wrapper)
    assert after.buffer['cpu'] < before.buffer['cpu'] / 10
    assert runner.model.buffer.size == 24


def test_a_growing_buffer_counts_what_the_rounds_bring(tiny):
    cfg = tiny(OPTIONS | NO_VAL)
    cfg.model.buffer = dict(type='GrowingBuffer', capacity=100_000)
    memory = estimate(cfg, rounds=1000)
    assert 24_000 * 3072 < memory.buffer['cpu'] < 1.1 * 24_000 * 3072


@pytest.mark.parametrize('kind', ['Adam', 'AdamW', 'SGD', 'RMSprop'])
def test_a_resumed_run_is_estimated_like_a_new_one(tiny, said, kind):
    """Its optimizers have a state, with a number of steps that they read."""
    cfg = tiny(OPTIONS | NO_VAL)
    for role in ('student', 'generator'):
        cfg.optim_wrapper[role].optimizer = dict(type=kind, lr=1e-3)
    runner = prepared(cfg)
    check_memory(runner)
    runner.model.synthesize(runner.optim_wrapper)
    runner.model.train_step(None, runner.optim_wrapper)
    check_memory(runner)
    new, resumed = (float(re.search(r'student \(cpu\): ([\d.]+) MiB', x)[1]) for x in said)
    assert 0.5 * new < resumed <= new  # buffer and optimizer are there already
