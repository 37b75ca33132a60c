"""A checkpoint can neither run code nor reach files outside of the work directory."""

import copy
import shutil
from pathlib import Path

import pytest
import torch
from helpers import DIGITS, TINY, as_options, call_tool, save_teacher

from ssdkd.models.checkpoint import read_checkpoint

RESNET = dict(type='CifarResNet', depth=8)
TEACHER = Path(__file__).resolve().parents[2] / 'configs/teachers/digits_resnet20.py'


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp('finished')
    save_teacher(RESNET, folder / 'teacher.pth', image_size=16)
    train(folder, folder / 'run')
    return folder


@pytest.fixture
def run(finished, tmp_path):
    shutil.copytree(finished / 'run', tmp_path / 'run')
    return tmp_path / 'run'


def train(folder: Path, work_dir: Path, *more: str, **options) -> None:
    options = {key.replace('__', '.'): value for key, value in options.items()}
    options = TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'} | options
    call_tool(
        'train.py',
        DIGITS,
        '--work-dir',
        work_dir,
        *more,
        '--cfg-options',
        *as_options(options),
    )


def resume(folder: Path, work_dir: Path, **options) -> int | None:
    """Go on for two more rounds -> exit status; None is success."""
    try:
        train(folder, work_dir, '--resume', train_cfg__max_rounds=6, **options)
    except SystemExit as exit:
        return exit.code


def replaced(value, payload: str):
    """The same, with the payload in place of every string that is not a key."""
    if isinstance(value, dict):
        new = copy.copy(value)
        new.update({key: replaced(part, payload) for key, part in value.items()})
        return new
    if isinstance(value, list | tuple):
        return type(value)(replaced(part, payload) for part in value)
    return payload if isinstance(value, str) else value


def payload(marker: Path) -> str:
    return f"x = __import__('pathlib').Path({str(marker)!r}).touch()"


@pytest.mark.parametrize('part', ['config', 'meta', 'message_hub', 'settings', 'all'])
def test_no_string_of_a_checkpoint_is_executed(finished, run, tmp_path, part):
    path, marker = run / 'round_4.pth', tmp_path / 'executed'
    checkpoint = read_checkpoint(path)
    code = payload(marker)
    if part == 'all':
        checkpoint = replaced(checkpoint, code)
        checkpoint['meta']['config'] = code
    elif part == 'config':  # what mmengine's own Runner.resume executes
        checkpoint['meta']['config'] = code
    else:
        checkpoint[part] = replaced(checkpoint[part], code)
    torch.save(checkpoint, path)
    status = resume(finished, run)
    assert not marker.exists()
    assert status == (None if part == 'config' else 2) or part in ('meta', 'message_hub')


def test_a_teacher_checkpoint_runs_no_code_either(tmp_path):
    options = {
        'model.network.model.depth': 8,
        'train_cfg.max_epochs': 1,
        'train_dataloader.dataset.image_size': 8,
        'val_dataloader.dataset.image_size': 8,
        'test_dataloader.dataset.image_size': 8,
    }
    args = [TEACHER, '--work-dir', tmp_path / 'run', '--cfg-options', *as_options(options)]
    call_tool('train_teacher.py', *args)
    with pytest.raises(SystemExit):  # a second training in this folder is refused
        call_tool('train_teacher.py', *args)
    path, marker = tmp_path / 'run/epoch_1.pth', tmp_path / 'executed'
    checkpoint = read_checkpoint(path)
    checkpoint['meta']['config'] = payload(marker)
    torch.save(checkpoint, path)
    outside = tmp_path / 'elsewhere/epoch_9.pth'
    (tmp_path / 'run/last_checkpoint').write_text(str(outside))
    call_tool('train_teacher.py', args[0], '--resume', *args[1:])
    assert not marker.exists()


class Payload:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def test_pickled_code_is_refused_in_one_line(finished, run, tmp_path, capfd):
    checkpoint = read_checkpoint(run / 'round_4.pth')
    checkpoint['meta']['more'] = Payload(tmp_path / 'executed')
    torch.save(checkpoint, run / 'round_4.pth')
    capfd.readouterr()
    assert resume(finished, run) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert not (tmp_path / 'executed').exists()
    assert 'holds pickled code' in said[-1] and 'weights_only' not in '\n'.join(said)
    assert len([line for line in said if 'Warning' not in line]) <= 3, said


def test_a_copied_run_leaves_the_original_alone(finished, run):
    """Its checkpoints name the best one by the original's absolute path."""
    before = {p.name: p.read_bytes() for p in (finished / 'run').glob('*.pth')}
    assert any(name.startswith('best') for name in before)
    checkpoint = read_checkpoint(run / 'round_4.pth')
    assert str(finished) in checkpoint['message_hub']['runtime_info']['best_ckpt']
    checkpoint['message_hub']['runtime_info']['best_score'] = -1.0  # the next one is better
    torch.save(checkpoint, run / 'round_4.pth')
    assert resume(finished, run) is None
    assert {p.name: p.read_bytes() for p in (finished / 'run').glob('*.pth')} == before
    assert len(list(run.glob('best_*.pth'))) == 1


def test_names_in_a_checkpoint_reach_no_other_file(finished, run, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    for name in ('best_accuracy_round_1.pth', 'round_1.pth', 'precious.txt'):
        (other / name).write_text('of somebody else')
    (run / 'notes.txt').write_text('of the user')
    for named in (other, other / 'best_accuracy_round_1.pth', run / 'notes.txt', run):
        checkpoint = read_checkpoint(finished / 'run/round_4.pth')
        info = checkpoint['message_hub']['runtime_info']
        info.update(
            best_ckpt=str(named),
            best_score=-1.0,
            keep_ckpt_ids=['../../other/round_1', 1, 3, 4],
            last_ckpt=str(other / 'round_1.pth'),
        )
        torch.save(checkpoint, run / 'round_4.pth')
        assert resume(finished, run) is None
        assert len(list(other.iterdir())) == 3 and (run / 'notes.txt').exists()
        for path in run.glob('round_[56].pth'):
            path.unlink()


def test_a_resumption_into_another_folder_keeps_its_own_best(finished, tmp_path):
    asked = finished / 'run/round_4.pth'
    before = sorted(p.name for p in (finished / 'run').iterdir())
    train(finished, tmp_path / 'new', '--resume', asked, train_cfg__max_rounds=6)
    assert sorted(p.name for p in (finished / 'run').iterdir()) == before
    assert len(list((tmp_path / 'new').glob('best_*.pth'))) == 1
