"""Description of a run in a few lines, for the start of its log."""

import os
from pathlib import Path

import torch
from mmengine.dist import get_world_size
from torch import nn

from ssdkd.models.saved import is_saved
from ssdkd.words import count


def describe(runner) -> str:
    """A few lines about a distillation: networks, method, rounds, device, where it writes.

    Args:
        runner (Runner): With model and loops built, before training.
    """
    model, loop = getattr(runner.model, 'module', runner.model), runner.train_loop
    lines = [('config', Path(runner.cfg.filename or 'of the caller').name)]
    for role, network in model.networks.items():
        part = runner.cfg.model.get(role) or {}
        file = part.get('checkpoint')
        lines.append((role, _network(part, network) + (f', weights of {file}' if file else '')))
    lines += [
        ('method', _method(model)),
        ('rounds', _rounds(loop)),
        ('device', _device(model)),
        ('validation', _validation(runner)),
        ('work dir', f'{os.path.relpath(runner.work_dir)} (log, config, checkpoints, results)'),
    ]
    return 'Distillation\n' + '\n'.join(f'  {name:10} {text}' for name, text in lines)


def _rounds(loop) -> str:
    steps = count(loop.steps_per_round, 'student step')
    if loop.clock is not None:
        share = f', of which {loop.clock.warmup_share:.0%} warm up' * bool(
            loop.clock.warmup_share
        )
        return f'as many as fit in {loop.minutes:g} min{share}; about {steps} each'
    warmup = f', {loop.warmup_rounds} of them warm-up' * bool(loop.warmup_rounds)
    if loop.timed:
        return f'{loop.max_rounds}{warmup}, as planned in {loop.plan.path}'
    return f'{loop.max_rounds}{warmup}; {steps} each'


def _network(part: dict, network: nn.Module) -> str:
    """Type and size of a network."""
    model = part.get('model') or {}
    if is_saved(model):
        name = type(network.model).__name__  # the user's own class
    else:
        plain = (str, int, float)
        said = [f'{k}={v}' for k, v in model.items() if isinstance(v, plain) and k != 'type']
        name = f'{model.get("type", type(network).__name__)}({", ".join(said)})'
    return f'{name}, {count(sum(p.numel() for p in network.parameters()), "parameter")}'


def _method(model: nn.Module) -> str:
    buffer = model.buffer
    parts = (type(part).__name__ for part in (model.synthesizer, buffer, model.sampler))
    return f'{", ".join(parts)}; {count(buffer.capacity, "sample")} at most'


def _device(model: nn.Module) -> str:
    device = next(model.parameters()).device
    if device.type == 'cpu':
        text = f'cpu, {count(torch.get_num_threads(), "thread")}'
    elif device.type == 'cuda':
        text = f'{device} ({torch.cuda.get_device_name(device)})'
    else:
        text = str(device)
    processes = get_world_size()
    return text + f', {count(processes, "process")}' * (processes > 1)


def _validation(runner) -> str:
    if runner.val_loop is None:
        return 'none'
    loop = runner.train_loop
    each = 'every round' if loop.val_interval == 1 else f'every {loop.val_interval} rounds'
    if loop.val_points is not None:
        each = f'{count(loop.val_points, "time")}, evenly'
    return f'{count(len(runner.val_loop.dataloader.dataset), "image")}, {each}'
