"""Each mistake in a config ends in one clear line and a non-zero status, before training."""

import pytest
from bad_input import arguments, error_of
from helpers import ROOT, run_tool

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
        {'model.batchsize': 8},
        "unknown key 'batchsize'; did you mean batch_size",
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
        {'model.synthesizer.generator.image_size': 7},
        "key 'image_size' is 7, and 7 is not from 8 on; use 8",
    ),
    'a data loader': ({'train_dataloader.batch_size': 4}, 'train_dataloader must be dict()'),
    'rounds': ({'train_cfg.max_rounds': 1}, 'train_cfg.max_rounds=1 must be greater'),
    'a single class': ({'model.task.num_classes': 1}, 'model.task.num_classes=1: one logit'),
    'empty batch': ({'model.batch_size': 0}, 'model.batch_size=0 must be at least 1'),
    'negative batch': ({'model.batch_size': -3}, 'model.batch_size=-3 must be at least 1'),
    'batch size as text': (
        {'model.batch_size': 'many'},
        "model.batch_size='many' must be an integer",
    ),
    'no steps': (
        {'model.synthesizer.steps': 0},
        'model.synthesizer: GeneratorSynthesizer: steps=0 must be at least 1',
    ),
    'latents at infinity': (
        {'model.synthesizer.latent_lr': 'inf'},
        'model.synthesizer: GeneratorSynthesizer: latent_lr=inf must be a finite number',
    ),
    'not a number': (
        {'model.synthesizer.latent_lr': 'nan'},
        'model.synthesizer.latent_lr=nan is not a number',
    ),
    'not a number in a list': (
        {'model.teacher.std': '[nan,1,1]'},
        'model.teacher.std.0=nan is not',
    ),
    'mean of pixels up to 255': (
        {'model.teacher.mean': '[123.675,116.28,103.53]'},
        "model.teacher: network: key 'mean' is [123.675, 116.28, 103.53], which is for images "
        'up to 255, but ours are in [0, 1]; divide by 255, both mean and std',
    ),
    "the student's std of pixels up to 255": (
        {'model.student.mean': '[0,0,0]', 'model.student.std': '[58.395,57.12,57.375]'},
        "model.student: network: key 'std' is [58.395, 57.12, 57.375], which is for images up "
        'to 255, but ours are in [0, 1]; divide by 255, both mean and std',
    ),
    'half a slot': ({'model.buffer.capacity': 64.5}, 'capacity=64.5 must be an integer'),
    'a buffer that is a number': ({'model.buffer': 64}, 'model.buffer=64 must be a dict'),
    'rounds as text': ({'train_cfg.max_rounds': 'many'}, "train_cfg.max_rounds='many' must"),
    'a loop that is text': ({'train_cfg': 'long'}, "train_cfg='long' must be a dict"),
    'a key below a number': ({'model.batch_size.of': 3}, '--cfg-options: '),
    'learning rate': (
        {'optim_wrapper.student.optimizer.lr': -1},
        'optim_wrapper.student.optimizer.lr=-1 must be at least 0',
    ),
    'learning rate as text': (
        {'optim_wrapper.student.optimizer.lr': 'fast'},
        "optim_wrapper.student.optimizer.lr='fast' must be a finite number",
    ),
    'momentum': (
        {'optim_wrapper.student.optimizer.momentum': 1.5},
        'optim_wrapper.student.optimizer.momentum=1.5 must lie in [0, 1)',
    ),
    'betas': (
        {'optim_wrapper.generator.optimizer.betas': '(0.5,1.5)'},
        'optim_wrapper.generator.optimizer.betas=',
    ),
    'what only the optimizer knows': (
        {'optim_wrapper.student.optimizer.dampening': 0.5},
        'optim_wrapper.student: Nesterov momentum requires',
    ),
    'length of a schedule': (
        {'param_scheduler.student.0.T_max': 'long'},
        "param_scheduler.student.0.T_max='long' must be an integer",
    ),
    'schedule that begins after the end': (
        {'param_scheduler.student.0.begin': 1000},
        'param_scheduler.student.0: CosineAnnealingLR: end should be larger than begin',
    ),
    'schedule below 0': (
        {'param_scheduler.student.0.eta_min': -0.1},
        'param_scheduler.student.0.eta_min=-0.1 must be at least 0',
    ),
    'schedule that is text': (
        {'param_scheduler.student': 'cosine'},
        "param_scheduler.student.0='cosine' must be a dict",
    ),
    'seed': ({'randomness.seed': -3}, 'randomness.seed=-3 must lie in [0, 4294967295]'),
    'seed as text': ({'randomness.seed': 'x'}, "randomness.seed='x' must be an integer"),
    'batches of a val set': ({'val_dataloader.batch_size': 0}, 'val_dataloader.batch_size=0'),
    'interval of checkpoints': (
        {'default_hooks.checkpoint.interval': 'often'},
        "default_hooks.checkpoint.interval='often' must be an integer",
    ),
    'interval of a hook': ({'custom_hooks.0.interval': 0}, 'interval=0 must be at least 1'),
}


@pytest.mark.parametrize('case', BEFORE_TRAINING)
def test_before_training(folder, capfd, no_training, case):
    options, message = BEFORE_TRAINING[case]
    assert message in error_of(capfd, *arguments(folder, options))
    assert not (folder / 'run').exists()


def test_as_a_process(folder):
    """The same seen from outside: status, one last line, nothing written."""
    done = run_tool('train.py', *arguments(folder, {'model.buffer.capacity': 8}))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith('error: model.buffer.capacity=8')
    assert 'Traceback' not in done.stderr
    assert not (folder / 'run').exists()
    assert (ROOT / 'tools/train.py').is_file()
