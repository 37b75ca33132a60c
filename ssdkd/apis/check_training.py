"""Check the numbers that mmengine and torch take from a config, before a run is built."""

from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

from ssdkd.buffers.capacity import check_capacity
from ssdkd.checks import check_dict, check_int, check_number, is_int, is_number
from ssdkd.engine.plan import PARTS, by_time
from ssdkd.errors import ConfigError

SECTIONS = ('model', 'train_cfg', 'optim_wrapper', 'randomness', 'default_hooks', 'env_cfg')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
OPTIMIZER = dict(
    lr='[0, inf)', momentum='[0, 1)', weight_decay='[0, inf)', eps='[0, inf)', alpha='[0, 1)'
)
SCHEDULE = dict(
    eta_min='[0, inf)',
    eta_min_ratio='[0, inf)',
    factor='[0, inf)',
    start_factor='[0, inf)',
    end_factor='[0, inf)',
    gamma='(0, inf)',
)


def check_training(cfg: Config) -> None:
    """Check seeds, batch sizes, intervals, optimizers and schedules.

    mmengine and torch find some of these, too, but later and with less clear messages. They
    accept NaN and infinity.

    Args:
        cfg: A whole config.

    Raises:
        ConfigError: A value cannot work; the message names its key.
    """
    for key in (*SECTIONS, *LOADERS):
        if not isinstance(cfg.get(key), dict | None):
            raise ConfigError(f'{key}={cfg[key]!r} must be a dict')
    _check_capacity(cfg.get('model') or {})
    _check_ints('randomness', cfg.get('randomness'), 0, 'seed', high=2**32 - 1)
    for loader in LOADERS:
        _check_ints(loader, cfg.get(loader), 1, 'batch_size')
        _check_ints(loader, cfg.get(loader), 0, 'num_workers')
    _check_ints('train_cfg', cfg.get('train_cfg'), 1, 'max_epochs', 'max_iters', 'val_interval')
    for name, hook in (cfg.get('default_hooks') or {}).items():
        check_dict('default_hooks', optional=True, **{name: hook})
        _check_ints(f'default_hooks.{name}', hook, -1, 'interval')
    wrapper, schedules = cfg.get('optim_wrapper') or {}, cfg.get('param_scheduler')
    if 'constructor' not in wrapper:
        _check_wrapper('optim_wrapper', wrapper)
    for role, part in wrapper.items():
        if role != 'constructor' and 'constructor' in wrapper:
            check_dict('optim_wrapper', **{role: part})
            _check_wrapper(f'optim_wrapper.{role}', part)
    by_role = isinstance(schedules, dict) and 'type' not in schedules
    if (cfg.get('train_cfg') or {}).get('minutes') is not None:
        schedules = by_time(schedules)
    for role, part in (schedules if by_role else {'': schedules}).items():
        for i, schedule in enumerate(part if isinstance(part, list | tuple) else [part]):
            path = f'param_scheduler.{role}.{i}'.replace('..', '.')
            if schedule is not None:
                _check_schedule(path, schedule, cfg.get('train_cfg') or {})


def _check_capacity(model: dict) -> None:
    """Check what is stated; the distiller checks what its parts have by default."""
    buffer, synthesizer = (model.get(key) or {} for key in ('buffer', 'synthesizer'))
    if not isinstance(buffer, dict) or not isinstance(synthesizer, dict):
        return  # refused where the parts are built
    capacity, sizes = (
        buffer.get('capacity'),
        (model.get('batch_size'), synthesizer.get('samples')),
    )
    if is_int(capacity):
        check_capacity(capacity, *(size if is_int(size) else 0 for size in sizes))


def _check_ints(path: str, cfg: dict | None, low: int, *names: str, **high: int) -> None:
    for name in names:
        if cfg and name in cfg:
            check_int(path, low, optional=True, **high, **{name: cfg[name]})


def _check_numbers(path: str, cfg: dict, intervals: dict[str, str]) -> None:
    for name, interval in intervals.items():
        if name in cfg:
            check_number(path, interval, optional=True, **{name: cfg[name]})


def _check_wrapper(path: str, wrapper: dict) -> None:
    _check_ints(path, wrapper, 1, 'accumulative_counts')
    optimizer = wrapper.get('optimizer') or {}
    check_dict(path, optimizer=optimizer)
    _check_numbers(f'{path}.optimizer', optimizer, OPTIMIZER)
    betas = optimizer.get('betas', ())  # some optimizers have three
    if not isinstance(betas, list | tuple) or not all(is_number(b, '[0, 1)') for b in betas):
        raise ConfigError(f'{path}.optimizer.betas={betas!r} must be numbers in [0, 1)')


def _check_schedule(path: str, schedule: Any, train_cfg: dict) -> None:
    if not isinstance(schedule, dict) or 'type' not in schedule:
        raise ConfigError(f'{path}={schedule!r} must be a dict with a type')
    _check_numbers(path, schedule, SCHEDULE)
    _check_ints(path, schedule, 1, 'T_max', 'step_size')
    # The rest is tried, on an optimizer of one weight.
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    end = _default_end(train_cfg, schedule.get('by_epoch', True))
    try:
        built = PARAM_SCHEDULERS.build(
            dict(schedule), default_args=dict(optimizer=optimizer, epoch_length=1, **end)
        )
        for _ in range(2):
            optimizer.step()
            built.step()
    except KeyError:  # a schedule of something that this optimizer does not have
        return
    except (ArithmeticError, AssertionError, TypeError, ValueError) as error:
        raise ConfigError(f'{path}: {schedule["type"]}: {error}') from error
    lr = optimizer.param_groups[0]['lr']
    if not is_number(lr):
        raise ConfigError(f'{path}: {schedule["type"]} makes the learning rate {lr}')


def _default_end(train_cfg: dict, by_epoch: bool) -> dict[str, int]:
    """``end`` as mmengine sets it for a schedule without one."""
    if train_cfg.get('minutes') is not None:
        return dict(end=PARTS)
    rounds, steps = train_cfg.get('max_rounds'), train_cfg.get('steps_per_round')
    warmup = train_cfg.get('warmup_rounds', 0)
    if not all(map(is_int, (rounds, steps, warmup))) or rounds <= warmup:
        return {}  # the loop refuses these, or is another one
    return dict(end=rounds if by_epoch else (rounds - warmup) * steps)
