"""Missing, damaged and unfit files end in one clear line, before any training."""

from pathlib import Path

import pytest
import torch
from bad_input import arguments, error_of
from helpers import DIGITS, TINY, as_options


@pytest.mark.parametrize('wrong', [float('nan'), float('inf')])
@pytest.mark.parametrize('key', ['conv1.weight', 'bn1.running_var'])
def test_damaged_teacher(folder, capfd, no_training, key, wrong):
    state = torch.load(folder / 'teacher.pth')
    state[key].view(-1)[5] = wrong
    torch.save(state, folder / 'teacher.pth')
    message = error_of(capfd, *arguments(folder, {}))
    assert f"'{key}' holds {wrong}" in message and 'model.teacher' in message
    assert 'damaged' in message and 'learning' not in message and '.lr' not in message


def test_truncated_checkpoint(folder, capfd, no_training):
    whole = (folder / 'teacher.pth').read_bytes()
    (folder / 'teacher.pth').write_bytes(whole[: len(whole) // 2])
    assert 'it is truncated' in error_of(capfd, *arguments(folder, {}))


def test_teacher_without_batch_norm(folder, capfd, no_training, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import module_without_bn

    torch.save(module_without_bn.WithoutBatchNorm().state_dict(), folder / 'teacher.pth')
    config = folder / 'user.py'
    config.write_text(
        f"_base_ = ['{DIGITS}']\n"
        "model = dict(teacher=dict(model=dict(_delete_=True, type='module',\n"
        "                                     path='module_without_bn.WithoutBatchNorm')))\n"
    )
    options = {k: v for k, v in TINY.items() if k != 'model.teacher.model.depth'}
    options['model.teacher.checkpoint'] = folder / 'teacher.pth'
    message = error_of(
        capfd, config, '--work-dir', folder / 'run', '--cfg-options', *as_options(options)
    )
    assert 'BNStatisticsLoss' in message and 'no batch-norm layer' in message
    assert '--method ssdkd_without_bn' in message


def test_no_such_config(capfd):
    assert "there is no config 'configs/nothing.py'" in error_of(capfd, 'configs/nothing.py')


def test_config_that_is_no_python(tmp_path, capfd):
    (tmp_path / 'broken.py').write_text('model = dict(\n')
    assert 'broken.py' in error_of(capfd, tmp_path / 'broken.py')


def test_config_without_a_model(tmp_path, capfd):
    (tmp_path / 'empty.py').write_text('seed = 1\n')
    assert 'model' in error_of(capfd, tmp_path / 'empty.py')


def test_a_seed_that_is_none(folder, capfd, no_training):
    said = error_of(capfd, *arguments(folder, {}), '--seed', '-3')
    assert 'seed=-3' in said or 'seed: -3' in said


def test_resume_from_nothing_named(folder, capfd, no_training):
    args = [*arguments(folder, {}), '--resume', 'no/such.pth']
    assert "there is no checkpoint 'no/such.pth'" in error_of(capfd, *args)


def test_resume_from_a_truncated_checkpoint(folder, capfd, no_training):
    (folder / 'run').mkdir()
    (folder / 'run/round_3.pth').write_bytes((folder / 'teacher.pth').read_bytes()[:5000])
    assert 'round_3.pth' in error_of(capfd, *arguments(folder, {}), '--resume')


def test_used_work_dir(folder, capfd, no_training):
    """Its tools would mix up the checkpoints of two runs."""
    (folder / 'run').mkdir()
    (folder / 'run/round_3.pth').touch()
    message = 'holds a run already; continue with --resume'
    assert message in error_of(capfd, *arguments(folder, {}))
