"""Methods for other images than 32x32, such as ImageNet's and those of segmentors.

What they need is said once, by SSD-KD for this kind of images: ``ssdkd_<kind>.py``. Another
method keeps its own losses, its synthesizer and its store, and takes the rest from there.
"""

import copy
import math

from mmengine.config import Config

from ssdkd.errors import ConfigError

PARTS = ('synthesizer', 'buffer', 'batch_size', 'distillation')
# Keys of a model that are of the networks and their images, and not of a method.
TAKEN = (
    'task',
    'batch_size',
    'augment',
    'autocast',
    'channels_last',
    'reuse',
)


def adapt(method: Config, ours: Config, schedule: dict) -> None:
    """Let a method that is written for 32x32 images work on those of SSD-KD's config.

    Every student then has as many steps as SSD-KD's, with the same optimizer.

    Args:
        method: The method's config, changed in place.
        ours: SSD-KD's for this kind of images.
        schedule: ``train_cfg`` of the budget, which a method without its own has.

    Raises:
        ConfigError: The method lacks a part.
    """
    missing = [part for part in PARTS if part not in method.model]
    if missing:
        raise ConfigError(
            f'the method has no model.{missing[0]}, which a pair for other images than 32x32 '
            'changes; give it one, as in configs/_base_/methods/with_store.py'
        )
    old, new = method.model, ours.model
    _resize(old, new, new.batch_size / old.batch_size)
    old.update({key: copy.deepcopy(new[key]) for key in TAKEN if key in new})
    places = {key: new.buffer[key] for key in ('device', 'pin_memory') if key in new.buffer}
    old.buffer.update(places)
    for name, term in new.distillation.items():
        if name != 'kl':  # a term that the pair asks for
            old.distillation[name] = copy.deepcopy(term)
        elif name in old.distillation:
            old.distillation.kl.temperature = term.temperature
    if method.train_cfg == schedule:
        method.train_cfg = copy.deepcopy(ours.train_cfg)
    else:
        _rescale(method.train_cfg, _student_steps(ours.train_cfg))
    method.optim_wrapper.student = copy.deepcopy(ours.optim_wrapper.student)
    method.param_scheduler = copy.deepcopy(ours.param_scheduler)
    method.default_hooks.checkpoint.save_best = ours.default_hooks.checkpoint.save_best


def _resize(old: Config, new: Config, scale: float) -> None:
    """Replace the generator, and what counts samples."""
    synthesizer = old.synthesizer
    if 'generator' in synthesizer:
        synthesizer.generator = copy.deepcopy(new.synthesizer.generator)
    if old.buffer.type != 'FreshBuffer':
        if 'batch_size' in synthesizer:
            synthesizer.batch_size = new.synthesizer.batch_size
        return
    # As many batches of the student per round as before.
    for part, key in (
        (synthesizer, 'batch_size'),
        (synthesizer, 'samples'),
        (old.buffer, 'capacity'),
    ):
        if key in part:
            part[key] = round(scale * part[key])


def _student_steps(loop: dict) -> int:
    return (loop.max_rounds - loop.get('warmup_rounds', 0)) * loop.steps_per_round


def _rescale(loop: dict, steps: int) -> None:
    """Give a loop the rounds for so many student steps, with its share of warm-up."""
    factor = steps / _student_steps(loop)
    warmup = round(factor * loop.get('warmup_rounds', 0))
    rounds = warmup + math.ceil(steps / loop.steps_per_round)
    val_interval = max(1, round(factor * loop.val_interval))
    loop.update(max_rounds=rounds, warmup_rounds=warmup, val_interval=val_interval)
