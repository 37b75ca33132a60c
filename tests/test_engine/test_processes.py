"""Several processes end with one student, and go on from a kill to the same one."""

import itertools
import json
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from helpers import DIGITS, TINY, as_options, call_tool, save_teacher
from processes import run_together
from test_validation_and_resume import Dropping

from ssdkd.engine import DistillLoop, loop
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.registry import MODELS
from ssdkd.runs import read_rounds
from ssdkd.testing.common import same
from ssdkd.visualization import read_curves

OPTIONS = TINY | {
    'train_cfg.max_rounds': 6,
    'train_cfg.val_interval': 2,
    'model.buffer.capacity': 80,  # of all processes: overwritten from the third stored batch on
    'model.synthesizer.batch_size': 8,
    'default_hooks.checkpoint.max_keep_ckpts': -1,
}


def train(
    folder, name: str, *more: str, kill_after: int | None = None, config: Path = DIGITS
) -> None:
    """One process of a run, which keeps what it holds at its begin and at its end."""
    run_round = DistillLoop.run_round

    def killed(loop):
        run_round(loop)
        if loop.epoch == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    run = DistillLoop.run

    def keep(loop, when: str) -> None:
        state = dict(model=loop.distiller.state_dict(), more=loop.distiller.training_state())
        torch.save(state, folder / name / f'{when}_{dist.get_rank()}.pt')

    def kept(loop):
        keep(loop, 'begin')
        model = run(loop)
        keep(loop, 'end')
        return model

    DistillLoop.run_round, DistillLoop.run = killed, kept
    options = OPTIONS | {'model.teacher.checkpoint': folder / 'teacher.pth'}
    call_tool('train.py', config, '--work-dir', folder / name, '--launcher', 'pytorch', *more,
              '--cfg-options', *as_options(options))  # fmt: skip


def train_dropping(folder, name: str, *more: str) -> None:
    """The same with a student that draws from the global random states."""
    MODELS.register_module(module=Dropping)
    text = f"_base_ = '{DIGITS}'\nmodel = dict(student=dict(model=dict(_delete_=True, "
    config = folder / f'{name}_{os.environ["RANK"]}.py'
    config.write_text(text + "type='Dropping')))\n")
    train(folder, name, *more, config=config)


def train_and_die(folder, name: str, kill_after: int, *more: str) -> None:
    train(folder, name, *more, kill_after=kill_after)


def train_by_the_clock(folder, name: str) -> None:
    """Each process has a clock of its own, and they do not agree."""
    looks = itertools.count()
    seconds = 0.01 * (1 + int(os.environ['RANK']))
    loop.time = SimpleNamespace(
        monotonic=lambda: seconds * next(looks), perf_counter=lambda: seconds * next(looks)
    )
    OPTIONS['train_cfg.val_points'] = 4
    train(folder, name, '--minutes', '0.03')


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """The folder of a run of two processes that was never stopped."""
    folder = tmp_path_factory.mktemp('processes')
    save_teacher(dict(type='CifarResNet', depth=8), folder / 'teacher.pth', image_size=16)
    assert run_together(2, train, folder, 'straight') == [0, 0]
    return folder


def states(folder, when: str = 'end') -> list[dict]:
    return [torch.load(path) for path in sorted(folder.glob(f'{when}_*.pt'))]


def differences(one: dict, other: dict) -> list[str]:
    assert one.keys() == other.keys()
    return [key for key in one if not torch.equal(one[key], other[key])]


def start_from(folder, run: str, last: int, name: str):
    """A new folder with one checkpoint of another run."""
    (folder / name).mkdir()
    shutil.copy(folder / run / f'round_{last}.pth', folder / name)
    return folder / name


def assert_same_end(folder, one: str, other: str) -> None:
    assert len(states(folder / one)) == len(states(folder / other))
    for a, b in zip(states(folder / one), states(folder / other)):
        assert not differences(a['model'], b['model'])
        a, b = a['more'], b['more']
        assert not differences(a['buffer'].pop('columns'), b['buffer'].pop('columns'))
        assert same(a, b)


def test_all_processes_hold_one_student(straight):
    first, second = (state['model'] for state in states(straight / 'straight'))
    assert not differences(first, second)
    # What is exported is what was validated.
    student = torch.load(straight / 'straight/student.pth')
    assert not differences(student, {k: first[f'student.model.{k}'] for k in student})
    summary = json.loads((straight / 'straight/summary.json').read_text())
    assert summary['buffer_samples'] == 80  # those of both


def test_the_first_process_plans_for_all(straight):
    assert run_together(2, train_by_the_clock, straight, 'clock') == [0, 0]
    first, second = (state['model'] for state in states(straight / 'clock'))
    assert not differences(first, second)
    planned = json.loads((straight / 'clock/plan.json').read_text())['rounds']
    assert planned[-1]['after'] == 1
    assert len(read_rounds(straight / 'clock')) == len(planned)


def test_resumed_to_the_bit(straight):
    start_from(straight, 'straight', 3, 'resumed')
    assert run_together(2, train, straight, 'resumed', '--resume') == [0, 0]
    assert_same_end(straight, 'straight', 'resumed')


@pytest.mark.slow
def test_a_student_with_dropout_resumed_to_the_bit(straight):
    """Round 2 is saved twice: the second time by its validation, which has a new best."""
    assert run_together(2, train_dropping, straight, 'dropping') == [0, 0]
    assert list(read_curves(straight / 'dropping').metrics['accuracy']) == [2, 4, 6]
    saved = read_checkpoint(straight / 'dropping/round_2.pth')
    assert 'best_score' in saved['message_hub']['runtime_info']
    for last in (2, 3):
        name = f'dropping_from_{last}'
        start_from(straight, 'dropping', last, name)
        assert run_together(2, train_dropping, straight, name, '--resume') == [0, 0]
        assert_same_end(straight, 'dropping', name)


@pytest.mark.slow
def test_four_processes_killed_and_resumed(straight):
    """From three on, the first step after a start adds gradients in another order."""
    assert run_together(4, train, straight, 'four') == [0] * 4
    assert run_together(4, train_and_die, straight, 'killed', 3) == [-signal.SIGKILL] * 4
    assert run_together(4, train, straight, 'killed', '--resume') == [0] * 4
    for run in ('four', 'killed'):
        first, *others = (state['model'] for state in states(straight / run))
        assert len(others) == 3 and not any(differences(first, other) for other in others)
    for one, other in zip(states(straight / 'four'), states(straight / 'killed')):
        torch.testing.assert_close(one['model'], other['model'], rtol=1e-3, atol=1e-3)
        assert same(one['more']['rng'], other['more']['rng'])
        assert same(one['more']['sampler'], other['more']['sampler'])


def samples(buffers: list[dict]) -> list[list]:
    """All images of some buffers, in an order of their own."""
    return sorted(image for b in buffers for image in b['columns']['image'].tolist())


def go_on_with(n: int, folder, last: int) -> None:
    """A round in ``n`` processes after round ``last``, and a look at what they began with."""
    saved = read_checkpoint(folder / f'round_{last}.pth')
    before = [state['distiller'] for state in saved['distillation']]
    status = run_together(n, train_and_die, folder.parent, folder.name, last + 1, '--resume')
    assert status == [-signal.SIGKILL] * n
    after = states(folder, 'begin')
    assert len(after) == n
    for state in after:
        assert not differences(state['model'], saved['state_dict'])
        # A round has two steps, and the first one is warm-up.
        assert state['more']['sampler'] == {'draws': 2 * (last - 1)}
    after = [state['more'] for state in after]
    buffers = [state['buffer'] for state in after]
    assert samples(buffers) == samples([state['buffer'] for state in before])
    sizes = [buffer['size'] for buffer in buffers]
    assert max(sizes) - min(sizes) <= 1 and sum(sizes) > 0
    for buffer in buffers:
        assert buffer['capacity'] == 80 // n
        assert buffer['version'] == before[0]['buffer']['version'] == last - 1
        assert torch.equal(buffer['class_counts'], before[0]['buffer']['class_counts'])
    streams = [state['rng'].numpy().tobytes() for state in after + before]
    assert len(set(streams)) == len(streams)
    log = max(folder.glob('*/*.log')).read_text()
    assert log.count(f'this run has {n}: the samples are distributed again') == 1
    for path in folder.glob('begin_*.pt'):
        path.unlink()


def test_one_process_goes_on_with_the_samples_of_two(straight):
    go_on_with(1, start_from(straight, 'straight', 2, 'to_one'), 2)


@pytest.mark.slow
def test_more_and_fewer_processes_go_on(straight):
    folder = start_from(straight, 'straight', 2, 'dealt')
    go_on_with(1, folder, 2)
    go_on_with(2, folder, 3)
    go_on_with(4, folder, 4)
    go_on_with(2, folder, 5)
