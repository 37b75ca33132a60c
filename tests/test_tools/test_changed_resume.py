"""What a resumed run does with changed settings, and with weights of another network."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from helpers import DIGITS, NO_VAL, TINY, as_options, call_tool, save_teacher

from ssdkd.models.checkpoint import read_checkpoint

RESNET = dict(type='CifarResNet', depth=8)
OPTIONS = TINY | NO_VAL


def train(folder: Path, work_dir: Path, *more: str, **options) -> None:
    options = {key.replace('__', '.'): value for key, value in options.items()}
    options = OPTIONS | {'model.teacher.checkpoint': folder / 'teacher.pth'} | options
    call_tool(
        'train.py',
        DIGITS,
        '--work-dir',
        work_dir,
        *more,
        '--cfg-options',
        *as_options(options),
    )


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A finished run of 4 rounds, the first of them warm-up, with 2 student steps each."""
    folder = tmp_path_factory.mktemp('finished')
    save_teacher(RESNET, folder / 'teacher.pth', image_size=16)
    train(folder, folder / 'run')
    return folder


@pytest.fixture
def run(finished, tmp_path):
    shutil.copytree(finished / 'run', tmp_path / 'run')
    return tmp_path / 'run'


def rate(checkpoint: Path) -> float:
    return read_checkpoint(checkpoint)['optimizer']['student']['param_groups'][0]['lr']


def log_of(run: Path) -> str:
    return '\n'.join(file.read_text() for file in sorted(run.glob('*/*.log')))


def test_a_longer_run_gets_the_schedule_of_a_longer_run(finished, run, tmp_path):
    assert rate(run / 'round_4.pth') < 0.03  # the last step of its cosine
    train(finished, run, '--resume', train_cfg__max_rounds=7)
    train(finished, tmp_path / 'straight', train_cfg__max_rounds=7)
    for n in (6, 7):
        straight = rate(tmp_path / f'straight/round_{n}.pth')
        assert rate(run / f'round_{n}.pth') == pytest.approx(straight, rel=1e-9)
    said = log_of(run)
    assert 'changed setting: train_cfg.max_rounds: 4 -> 7' in said
    assert 'planned again for 7 rounds and 12 steps' in said


def test_another_learning_rate_is_applied(finished, run, tmp_path):
    key = 'optim_wrapper__student__optimizer__lr'
    train(finished, run, '--resume', train_cfg__max_rounds=7, **{key: 0.5})
    train(finished, tmp_path / 'straight', train_cfg__max_rounds=7, **{key: 0.5})
    straight = rate(tmp_path / 'straight/round_7.pth')
    assert rate(run / 'round_7.pth') == pytest.approx(straight, rel=1e-9)
    optimizer = read_checkpoint(run / 'round_7.pth')['optimizer']['student']
    assert optimizer['param_groups'][0]['initial_lr'] == 0.5
    assert optimizer['state'][0]['momentum_buffer'].abs().sum() > 0


def test_more_steps_per_round_are_applied(finished, run):
    train(finished, run, '--resume', train_cfg__max_rounds=6, train_cfg__steps_per_round=5)
    assert read_checkpoint(run / 'round_6.pth')['meta']['iter'] == 3 * 2 + 2 * 5
    assert 'planned again for 6 rounds and 16 steps' in log_of(run)


def test_unchanged_settings_plan_nothing_anew(finished, run):
    train(finished, run, '--resume')
    assert 'planned again' not in log_of(run) and 'changed setting' not in log_of(run)


def refusal(capfd, *args, **options) -> str:
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit:
        train(*args, '--resume', **options)
    assert exit.value.code == 2
    said = capfd.readouterr().err
    assert 'Traceback' not in said and 'ConfigError' not in said
    return said.strip().splitlines()[-1]


def test_what_cannot_change_is_refused_with_a_line_for_each_key(finished, run, capfd):
    last = refusal(
        capfd, finished, run, train_cfg__max_rounds=2, **{'model.buffer.capacity': 128}
    )
    assert 'was made with another model.buffer.capacity (64 -> 128) (and 1 more' in last
    said = log_of(run)
    assert re.search(r'--resume: model.buffer.capacity: 64 -> 128', said)
    assert re.search(r'--resume: train_cfg.max_rounds: 4 -> 2', said)


def test_another_teacher_is_refused(finished, run, tmp_path, capfd):
    save_teacher(dict(RESNET, depth=14), tmp_path / 'deep.pth', image_size=16)
    deep = {'model.teacher.model.depth': 14, 'model.teacher.checkpoint': tmp_path / 'deep.pth'}
    assert 'another model.teacher.model.depth (8 -> 14)' in refusal(
        capfd, finished, run, **deep
    )
    weights = torch.load(finished / 'teacher.pth')
    other = {k: v * 1.01 if v.is_floating_point() else v for k, v in weights.items()}
    torch.save(other, tmp_path / 'other.pth')
    other = {'model.teacher.checkpoint': tmp_path / 'other.pth'}
    assert "model.teacher's weights are not those" in refusal(capfd, finished, run, **other)


def test_the_same_teacher_elsewhere_is_accepted(finished, run, tmp_path):
    shutil.copy(finished / 'teacher.pth', tmp_path / 'moved.pth')
    train(finished, run, '--resume', **{'model.teacher.checkpoint': tmp_path / 'moved.pth'})


@pytest.mark.parametrize('lost', ['student.model.conv1.weight', 'synthesizer.generator'])
def test_weights_are_loaded_all_or_not_at_all(finished, run, capfd, lost):
    checkpoint = read_checkpoint(run / 'round_4.pth')
    weights = checkpoint['state_dict']
    name = next(key for key in weights if key.startswith(lost))
    del weights[name]
    torch.save(checkpoint, run / 'round_4.pth')
    assert f'1 keys missing ({name})' in refusal(capfd, finished, run)


def test_a_file_without_a_run_in_it(finished, run, capfd):
    torch.save({'weight': torch.zeros(3)}, run / 'round_4.pth')
    assert 'holds no checkpoint of a run' in refusal(capfd, finished, run)
    torch.save({'state_dict': {}, 'meta': {}}, run / 'round_4.pth')
    assert refusal(capfd, finished, run).startswith('error: --resume:')
