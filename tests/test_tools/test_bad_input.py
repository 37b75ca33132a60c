"""Each mistake ends in one clear line and a non-zero status, before any training."""

import re
from pathlib import Path

import pytest
import torch
from helpers import DIGITS, ROOT, TINY, as_options, call_tool, run_tool, save_teacher

from ssdkd.distillers import SSDKD

RESNET8 = dict(type='CifarResNet', depth=8)


@pytest.fixture
def folder(tmp_path):
    save_teacher(RESNET8, tmp_path / 'teacher.pth', image_size=16)
    return tmp_path


def arguments(folder: Path, options: dict, config=DIGITS) -> list[str]:
    options = TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'} | options
    return [
        str(config),
        '--work-dir',
        str(folder / 'run'),
        '--cfg-options',
        *as_options(options),
    ]


def error_of(capfd, *args) -> str:
    """The last line on stderr of a train.py that must fail."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit:
        call_tool('train.py', *args)
    assert exit.value.code == 2
    stderr = capfd.readouterr().err
    assert 'Traceback' not in stderr
    last = stderr.strip().splitlines()[-1]
    assert last.startswith('error: ')
    return last


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError('training had begun')

    monkeypatch.setattr(SSDKD, 'synthesize', fail)
    monkeypatch.setattr(SSDKD, 'train_step', fail)


BEFORE_TRAINING = {
    'missing checkpoint': (
        {'model.teacher.checkpoint': 'no/such.pth'},
        "there is no file 'no/such.pth'",
    ),
    'wrong number of classes': (
        {
            'num_classes': 7,
            'model.teacher.model.num_classes': 7,
            'model.student.model.num_classes': 7,
            'model.task.num_classes': 7,
        },
        'is num_classes right?',
    ),
    'task of other classes': (
        {'model.task.num_classes': 7},
        'model.task.num_classes=7; make them equal',
    ),
    'unknown loss': (
        {'model.synthesizer.losses.bn.type': 'BNStatisticLoss'},
        "unknown type 'BNStatisticLoss'; did you mean BNStatisticsLoss",
    ),
    'misspelt name of a loss': (
        {'model.synthesizer.losses.bnn.weight': 1},
        "model.synthesizer: loss: {'weight': 1} has no key 'type'",
    ),
    'unknown network': (
        {'model.student.model.type': 'CifarRestNet'},
        'did you mean CifarResNet',
    ),
    'unknown distiller': ({'model.type': 'SSDKDD'}, 'did you mean SSDKD'),
    'unknown loop': ({'train_cfg.type': 'DistilLoop'}, 'did you mean DistillLoop'),
    'unknown hook': (
        {'default_hooks.timer.type': 'IterTimeHook'},
        'did you mean IterTimerHook',
    ),
    'unknown optimizer': ({'optim_wrapper.student.optimizer.type': 'SDG'}, 'did you mean SGD'),
    'unknown schedule': (
        {'param_scheduler.student.0.type': 'CosineAnealingLR'},
        'did you mean Cosine',
    ),
    'unknown metric': ({'val_evaluator.type': 'Acuracy'}, 'did you mean Accuracy'),
    'unknown dataset': ({'val_dataloader.dataset.type': 'Digit'}, 'did you mean Digits'),
    'unknown key of a component': (
        {'model.buffer.capcity': 8},
        "unknown key 'capcity'; did you mean capacity",
    ),
    'unknown key of the distiller': (
        {'model.temprature': 8},
        "unknown key 'temprature'; did you mean temperature",
    ),
    'unknown key of the loop': (
        {'train_cfg.max_round': 8},
        "unknown key 'max_round'; did you mean max_rounds",
    ),
    'unknown key of the optimizer': ({'optim_wrapper.student.optimizer.lrr': 8}, 'lrr'),
    'unknown role': ({'optim_wrapper.pupil.type': 'OptimWrapper'}, 'optim_wrapper.pupil'),
    'capacity below a batch': (
        {'model.buffer.capacity': 15},
        'model.buffer.capacity=15 is smaller than',
    ),
    'image size': (
        {'model.synthesizer.generator.image_size': 30},
        "key 'image_size' is 30, and 30 is not a multiple of 4 from 8; use 28 or 32",
    ),
    'a data loader': ({'train_dataloader.batch_size': 4}, 'train_dataloader must be dict()'),
    'rounds': ({'train_cfg.max_rounds': 1}, 'train_cfg.max_rounds=1 must be greater'),
}


@pytest.mark.parametrize('case', BEFORE_TRAINING)
def test_before_training(folder, capfd, no_training, case):
    options, message = BEFORE_TRAINING[case]
    assert message in error_of(capfd, *arguments(folder, options))


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
    assert 'remove this loss' in message


def test_no_such_config(capfd):
    assert "there is no config 'configs/nothing.py'" in error_of(capfd, 'configs/nothing.py')


def test_config_that_is_no_python(tmp_path, capfd):
    (tmp_path / 'broken.py').write_text('model = dict(\n')
    assert 'broken.py' in error_of(capfd, tmp_path / 'broken.py')


def test_config_without_a_model(tmp_path, capfd):
    (tmp_path / 'empty.py').write_text('seed = 1\n')
    assert 'model' in error_of(capfd, tmp_path / 'empty.py')


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
    assert 'holds a run already; go on with --resume' in error_of(capfd, *arguments(folder, {}))


def test_loss_that_is_not_a_number(folder, capfd, monkeypatch):
    """It stops in the same round, names the term and keeps the last good checkpoint."""
    from ssdkd.losses import ClassPriorLoss

    forward, calls = ClassPriorLoss.forward, []

    def spoilt(self, state):
        calls.append(0)
        # Two steps a round: from the third round on.
        return forward(self, state) * (float('nan') if len(calls) > 4 else 1.0)

    monkeypatch.setattr(ClassPriorLoss, 'forward', spoilt)
    message = error_of(capfd, *arguments(folder, {}))
    assert "round 3: 'inversion_class_prior' is nan" in message
    good = re.search(r'Last good checkpoint: (\S*round_2\.pth)', message)[1]
    state = torch.load(good)['state_dict']
    assert all(v.isfinite().all() for v in state.values())
    assert not (folder / 'run/student.pth').exists()


@pytest.mark.parametrize('role', ['student', 'generator'])
def test_learning_rate_that_explodes(folder, capfd, role):
    options = {f'optim_wrapper.{role}.optimizer.lr': 1e30, 'train_cfg.max_rounds': 6}
    message = error_of(capfd, *arguments(folder, options))
    assert re.search('training stopped in round [1-6]', message)
    for path in (folder / 'run').glob('round_*.pth'):
        state = torch.load(path)['state_dict']
        assert all(v.isfinite().all() for v in state.values()), path


def test_as_a_process(folder):
    """The same seen from outside: status, one last line, nothing written."""
    done = run_tool('train.py', *arguments(folder, {'model.buffer.capacity': 8}))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith('error: model.buffer.capacity=8')
    assert 'Traceback' not in done.stderr
    assert not list((folder / 'run').glob('*.pth'))
    assert (ROOT / 'tools/train.py').is_file()
