"""Which changed settings a resumed run applies, and which it refuses."""

import pytest
from helpers import DIGITS
from mmengine.config import Config

from ssdkd.runs import changed_settings, plain_settings
from ssdkd.runs.settings import changes_evaluation, changes_schedule


def compare(options: dict, done: int = 5) -> tuple[dict, dict]:
    stored = plain_settings(Config.fromfile(DIGITS))
    cfg = Config.fromfile(DIGITS)
    cfg.merge_from_dict(options)
    return changed_settings(stored, plain_settings(cfg), done)


def test_the_same_config_has_no_changes():
    assert compare({}) == ({}, {})


@pytest.mark.parametrize(
    'key, value',
    [
        ('work_dir', 'elsewhere'),
        ('model.teacher.checkpoint', 'moved/teacher.pth'),
        ('model.buffer.device', 'cpu'),
        ('model.cuda_graphs', True),
        ('train_cfg.val_interval', 3),
        ('custom_hooks', []),
        ('default_hooks.checkpoint.interval', 1),
        ('log_level', 'DEBUG'),
        ('val_dataloader.num_workers', 4),
    ],
)
def test_what_training_does_not_depend_on(key, value):
    assert compare({key: value}) == ({}, {})


@pytest.mark.parametrize(
    'key, value, schedule',
    [
        ('train_cfg.max_rounds', 90, True),
        ('train_cfg.max_rounds', 5, True),
        ('train_cfg.steps_per_round', 20, True),
        ('optim_wrapper.student.optimizer.lr', 0.5, True),
        ('optim_wrapper.generator.optimizer.betas', (0.9, 0.999), True),
        ('param_scheduler.student.0.begin', 3, True),
        ('model.batch_size', 48, False),
        ('model.sampler.alpha', 0.1, False),
        ('model.synthesizer.losses.bn.weight', 3.0, False),
        ('val_dataloader.dataset.image_size', 16, False),
    ],
)
def test_what_is_applied(key, value, schedule):
    changes, refused = compare({key: value})
    assert list(changes) == [key] and not refused
    assert str(value if not isinstance(value, tuple) else list(value)) in changes[key]
    assert changes_schedule(changes) == schedule
    assert changes_evaluation(changes) == key.startswith('val')


@pytest.mark.parametrize(
    'key, value',
    [
        ('model.teacher.model.depth', 32),
        ('model.teacher.mean', [0.4, 0.4, 0.4]),
        ('model.student.model.depth', 14),
        ('model.task.num_classes', 11),
        ('model.buffer.capacity', 2000),
        ('model.synthesizer.generator.width', 64),
        ('model.sampler.type', 'UniformSampler'),
        ('optim_wrapper.student.optimizer.type', 'Adam'),
        ('randomness.seed', 1),
        ('train_cfg.max_rounds', 4),
        ('train_cfg.warmup_rounds', 9),
        ('train_cfg.warmup_rounds', 0),
    ],
)
def test_what_is_refused(key, value):
    changes, refused = compare({key: value})
    assert list(refused) == [key] and not changes
    assert refused[key].endswith(f'-> {value}')


def test_the_warm_up_can_change_while_it_lasts():
    changes, refused = compare({'train_cfg.warmup_rounds': 9}, done=0)
    assert list(changes) == ['train_cfg.warmup_rounds'] and not refused
