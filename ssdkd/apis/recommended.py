"""Default settings of SSD-KD, chosen by task and image size."""

from mmengine.config import Config

from ssdkd.checks import is_int
from ssdkd.config.compose import BUDGET, compose_method, read_part, set_task
from ssdkd.errors import ConfigError

# The method for teachers that store no statistics, and its priors that need none.
WITHOUT_BN = 'ssdkd_without_bn'
PRIORS = ('confidence', 'balance')


def recommended(
    *,
    num_classes: int,
    image_size: int | tuple[int, int],
    task: str = 'classification',
    device: str = 'cpu',
    budget: int | None = None,
    minutes: float | None = None,
    batch_norm: bool = True,
    other_norms: bool = False,
) -> Config:
    """The default settings, without ``model.teacher`` and ``model.student``.

    Args:
        num_classes (int): Classes or labels, at least 2.
        image_size (int | tuple[int, int]): Side or (H, W), from 8 to 512: below 64 pixels with
            the settings for 32x32, from there on with those for 224x224.
        task (str): ``'classification'``, ``'binary'``, ``'multilabel'`` or ``'segmentation'``.
        device (str): ``'cpu'`` gets thousands of student steps, anything else the schedules
            for an accelerator.
        budget (int, optional): Rounds in all. The share that warms up stays the same. Defaults
            to the schedule's.
        minutes (float, optional): A budget of time, in place of rounds.
        batch_norm (bool): Whether the teacher has batch-norm layers. Without them the priors of
            the method ``ssdkd_without_bn`` take the place of their loss.
        other_norms (bool): Whether it also has normalisation layers without statistics, as a
            transformer with a convolutional stem has. Then these priors are added to the
            batch-norm loss.

    Raises:
        ConfigError: A value cannot work; the message says which would.
    """
    if not is_int(num_classes) or num_classes < 2:
        raise ConfigError(
            f'num_classes={num_classes} must be an int, at least 2; a network with one logit '
            "has two classes: num_classes=2 and task='binary'"
        )
    num_classes = int(num_classes)
    height, width = _pair(image_size)
    shorter = min(height, width)
    large, on_cpu, segments = shorter >= 64, str(device) == 'cpu', task == 'segmentation'
    method = 'ssdkd' if batch_norm else WITHOUT_BN
    method = 'ssdkd_imagenet' if large else method
    cfg = compose_method('ssdkd_seg' if segments else method, 'cpu' if on_cpu else BUDGET)
    set_task(cfg, task)

    model, schedule = cfg.model, cfg.train_cfg
    model.task.num_classes = num_classes
    if large or segments:
        model.synthesizer.generator.type = 'DeepGenerator' if large else 'DCGANGenerator'
    model.synthesizer.generator.image_size = height if height == width else (height, width)
    padding = shorter // (16 if segments else 8)
    model.augment[0].padding = padding  # the first of these methods is RandomCropFlip
    model.synthesizer.augment[0].padding = padding if segments or not large else 4
    without = read_part('methods', WITHOUT_BN).model
    priors, losses = without.synthesizer.losses, model.synthesizer.losses
    if not batch_norm or other_norms:
        losses.update({name: priors[name] for name in PRIORS}, class_prior=None)
    if not batch_norm:
        losses.bn = None
        if not segments:
            model.augment = [model.augment[0], *without.augment[1:]]
    if minutes is not None:
        if budget is not None:
            raise ConfigError('budget counts rounds and minutes time; give one of them')
        schedule.minutes = minutes
    if budget is not None:
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
            raise ConfigError(f'budget={budget!r} must be a number of rounds, an int from 1')
        share = schedule.warmup_rounds / schedule.max_rounds
        schedule.warmup_rounds = min(max(round(share * budget), 1), budget - 1)
        schedule.max_rounds = budget
    schedule.val_interval = max(schedule.max_rounds // 8, 1)
    # Ten samples per class at least, and no slot that the run could never fill.
    samples = model.synthesizer.get('samples') or model.synthesizer.batch_size
    made = (schedule.max_rounds - schedule.warmup_rounds) * samples
    wanted = min(max(model.buffer.capacity, 10 * num_classes), made)
    model.buffer.capacity = max(wanted, model.batch_size, samples)
    return cfg


def _pair(image_size: int | tuple[int, int]) -> tuple[int, int]:
    pair = image_size if isinstance(image_size, list | tuple) else (image_size, image_size)
    if len(pair) != 2 or not all(is_int(side) and side > 0 for side in pair):
        raise ConfigError(f'image_size={image_size} must be an int or (height, width)')
    return int(pair[0]), int(pair[1])
